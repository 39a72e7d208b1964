"""The one paragraph at the top, in English and Chinese."""

from collections.abc import Sequence

from fashiontrend.keywords.published import KeywordRecord, Line
from fashiontrend.loop import Step
from fashiontrend.outcomes import IngestFacts
from fashiontrend.report import wording
from fashiontrend.report.gate_rows import GATES
from fashiontrend.report.wording import count, percent
from fashiontrend.storage.ledger import Run

#: Keywords of each direction that the paragraph names.
NAMED = 3


def summarise(
    run: Run, platforms: Sequence[str], records: Sequence[KeywordRecord], thin: int
) -> Line:
    """What happened and what came out, for a reader who reads nothing else."""
    closed = next((s for s in reversed(GATES) if (v := run.verdicts(s)) and not v[-1].passed), None)
    english = [_read_en(run, platforms)]
    chinese = [_read_zh(run, platforms)]
    if closed:
        name, zh, _ = GATES[closed]
        reasons = "; ".join(run.verdicts(closed)[-1].reasons) or "no reason given"
        english.append(
            f"The {name.lower()} stayed closed ({reasons}), "
            "so nothing was published and the last release stays."
        )
        chinese.append(f"{zh}未通过，因此本次未发布任何结果，继续沿用上一版本。")
    elif records:
        english.append(_moves_en(records, thin))
        chinese.append(_moves_zh(records, thin))
    else:
        english.append("No keyword has enough evidence yet.")
        chinese.append("目前尚无证据充分的关键词。")
    return {"en": " ".join(english), "zh": "".join(chinese)}


def _read_en(run: Run, platforms: Sequence[str]) -> str:
    number = len(platforms)
    shops = f"{number} platform{'s' if number != 1 else ''}"
    pictures = _pictures(run)
    seen = (
        f"{count(pictures)} pictures from {shops} were read"
        if wording.known(pictures)
        else f"{shops} were followed"
    )
    models = (
        "with the models of an earlier run"
        if run.release
        else "and both models were trained on them"
    )
    return f"Up to {run.day}, {seen}" + (f" {models}." if _trained(run) or run.release else ".")


def _read_zh(run: Run, platforms: Sequence[str]) -> str:
    pictures = _pictures(run)
    seen = (
        f"共读取 {len(platforms)} 个平台的 {count(pictures)} 张图片"
        if wording.known(pictures)
        else f"共跟踪 {len(platforms)} 个平台"
    )
    models = (
        "，沿用此前训练的模型。"
        if run.release
        else "，并据此训练了识别网络与趋势模型。"
        if _trained(run)
        else "。"
    )
    return f"截至 {run.day}，{seen}{models}"


def _pictures(run: Run) -> int | None:
    ingested = run.find_facts(IngestFacts)
    return ingested.pictures if ingested else None


def _trained(run: Run) -> bool:
    return bool(run.verdicts(Step.TRAIN_FORECASTER))


def _moves_en(records: Sequence[KeywordRecord], thin: int) -> str:
    days = records[0]["horizon_days"]
    parts = [
        f"{name}: {', '.join(_move(r, 'en') for r in found[:NAMED])}"
        + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
        for direction, name in (("rising", "rising"), ("falling", "falling"))
        if (found := [r for r in records if r["direction"] == direction])
    ]
    stable = sum(r["direction"] == "stable" for r in records)
    expected = (
        f"Over the next {days} days we expect {'; '.join(parts)}."
        if parts
        else f"Nothing moves beyond its noise in the next {days} days."
    )
    rest = f"{stable} value{'s are' if stable != 1 else ' is'} stable"
    return f"{expected} {rest}, {thin} lack{'s' if thin == 1 else ''} evidence."


def _moves_zh(records: Sequence[KeywordRecord], thin: int) -> str:
    parts = [
        f"{name}：{'、'.join(_move(r, 'zh') for r in found[:NAMED])}"
        + (f"等 {len(found)} 项" if len(found) > NAMED else "")
        for direction, name in (("rising", "上升"), ("falling", "下降"))
        if (found := [r for r in records if r["direction"] == direction])
    ]
    stable = sum(r["direction"] == "stable" for r in records)
    expected = (
        f"未来 {records[0]['horizon_days']} 天预计{'；'.join(parts)}。"
        if parts
        else f"未来 {records[0]['horizon_days']} 天没有超出噪声的变化。"
    )
    return f"{expected}{stable} 项平稳，{thin} 项证据不足。"


def _move(record: KeywordRecord, language: str) -> str:
    named, share = record["keyword"], record["share"]
    ends = f"{percent(share['now'])} → {percent(share['forecast'])}"
    return (
        f"{named['en']} ({ends})" if language == "en" else f"{named['zh'] or named['en']}（{ends}）"
    )
