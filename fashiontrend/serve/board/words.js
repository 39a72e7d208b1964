/** All words of the page, English and Chinese. `one|many` is chosen by `n`. */

const WORDS = {
  en: {
    skip: "Skip to the trends", nav_gates: "Gates", nav_gaps: "Not known yet", leaders: "Rising most clearly", sections: "Sections", trends: "Trends", ask: "Ask a picture",
    gates: "Quality gates", gaps: "Not enough evidence", token: "Access token", language: "Language",
    headline: "What people will want to wear next", loading: "Loading …", summary: "Summary",
    ask_hint: "Drop a photograph of a garment here, or paste one. The recogniser shows what it sees, and how that trends.",
    choose: "Choose a picture", answer: "What the recogniser sees", close: "Close", cancel: "Cancel",
    filter: "Filter the trends", search: "Search", direction: "Direction", attribute: "Attribute",
    platform: "Platform", confidence: "At least this sure", sort: "Sort by", reset: "Show all",
    key: "How to read a card",
    gaps_note: "Nothing is claimed about these yet, and this is why.",
    colophon: "Forecasts of shares of products on sale, not of sales. Made from shops' own pictures.",
    token_title: "This server asks for a token",
    token_text: "Ask whoever runs it for one with permission to read. It is kept in this tab only and forgotten when you close it.",
    token_use: "Use this token", token_refused: "The server did not accept this token. Check that it was copied whole.",
    fresh: "Data up to {day}, looking {n} days ahead to {target}. Release {release}.",
    old: "The data are {n} days old.", all: "All", all_platforms: "All platforms", all_attributes: "All attributes",
    rising: "Rising", falling: "Falling", stable: "Stable",
    sort_rank: "Most telling", sort_rise: "Strongest rise", sort_fall: "Strongest fall", sort_share: "Largest share",
    sort_confidence: "Surest", sort_support: "Most products", sort_name: "Name",
    shown: "{n} keyword of {of}|{n} keywords of {of}", none_fit: "No keyword fits these filters.",
    none_fit_do: "Choose Show all, or lower how sure it has to be.",
    no_release: "There is no release to show yet.",
    no_release_do: "Run fashiontrend run once; when both gates open, its keywords appear here.",
    now: "Now", in_days: "In {n} day|In {n} days", pts: "pts", grade: "Grade {grade}",
    products: "{n} product|{n} products",
    agree: "{n} of {of} platforms agree: {names}", agree_all: "All {of} platforms agree", stage_label: "{stage} stage", agree_none: "No single platform is clear; all together are",
    one_platform: "Seen on {platform} alone", no_picture: "No picture",
    interval_text: "Now {now}, in {days} days {then}; 80 % range {low} to {high}",
    range: "80 % range {low} to {high}",
    evidence_of: "Evidence", seen_at: "{value} at {platform}, {sure} sure", sure: "{p} sure",
    open_card: "Show the evidence for {value}",
    said_rising: "{value} is expected to rise from {now} to {then} of products by {day}.",
    said_falling: "{value} is expected to fall from {now} to {then} of products by {day}.",
    said_stable: "{value} is expected to stay near {now} of products until {day}.",
    curves: "Share of products, per platform", pooled: "All platforms", pictures: "What it looks like",
    numbers: "Numbers", caveats: "Read with care", source: "Where it comes from",
    p_direction: "Probability of this direction", support: "Products behind it", days_observed: "Days observed",
    skill: "Skill over “nothing changes” in back-tests", agreement: "Platforms that agree",
    wow: "Change in the last week", mom: "Change in the last 4 weeks", yoy: "Change in a year",
    deseasonalised: "Expected change without the season", stage: "Stage", trajectory: "Pattern",
    seasonal: "Season at the target day", leads: "First mover",
    lead_days: "{platform}, about {n} day ahead|{platform}, about {n} days ahead",
    measured: "Measured share", low: "Low (80 %)", high: "High (80 %)", day: "Day", share: "Share", withheld: "withheld",
    forecast: "Forecast", band80: "80 % range", band95: "95 % range", persistence: "If nothing changes", last_year: "A year ago",
    withheld_days: "Withheld day", as_table: "The same as a table", not_measured: "not measured",
    chart_text: "{platform}: from {first} on {from} to {now} on {day}; forecast {then} on {target}, 80 % range {low} to {high}.",
    chart_text_no: "{platform}: from {first} on {from} to {now} on {day}; no forecast.",
    no_curve: "No curve for this platform.", first_seen: "On sale since {day}", shop_page: "Shop page",
    run: "Run", model: "Recogniser", label_set: "Labelled set", taxonomy: "Taxonomy", days_used: "Days used",
    days_withheld: "Days withheld", open_now: "Open", closed_now: "Closed",
    gate_health: "Data health", gate_accuracy: "Recogniser", gate_perplexity: "Forecast fit",
    means_health: "Platforms withheld on the data day", means_accuracy: "Mean accuracy on annotated pictures",
    means_perplexity: "Normalised perplexity on days never trained on",
    needs: "needs {limit}", judged: "Judged on {day}", history: "{n} judgement|{n} judgements",
    history_text: "{n} judgement so far, the last {value}|{n} judgements so far, from {first} to {value}",
    no_gates: "No gate has been judged yet.", conditions: "All conditions",
    no_gates_do: "The first run that reaches a gate writes its verdict; until then nothing is released.",
    gate_closed: "{gate} gate is closed", gates_open: "All gates open", data_day: "Data of {day}", withheld_n: "{n} day withheld|{n} days withheld",
    no_withheld: "No day withheld", rising_n: "{n} rising", falling_n: "{n} falling", stable_n: "{n} stable",
    no_gaps: "Every value has enough evidence.", gaps_n: "{n} value|{n} values", reason: "Reason", value: "Value",
    working: "Looking at the picture …", drop_now: "Drop it anywhere", garment: "Garment {n}",
    garment_sure: "found with {p}", not_visible: "Not visible", not_applicable: "Does not apply", uncertain: "Uncertain, perhaps",
    also: "or", trend_here: "Trend: {direction}", no_trend: "no trend known", more_files: "Only the first of {n} pictures is shown.",
    no_garment: "No garment was found.", no_garment_do: "Try a picture that shows one garment, whole and upright.",
    picked: "The picture you chose, with the box of each garment found",
    failed: "This did not work.", again: "Try again", offline: "The server does not answer.",
    offline_do: "Check that it runs and that you are connected, then try again.",
    do_401: "Give an access token.", do_403: "This token may not do that. Ask for one with the permission that is named.",
    do_404: "It may belong to an earlier release. Reload the page.", do_413: "Choose a smaller picture: at most 10 MB.",
    do_415: "Choose a JPEG, PNG or WebP picture.", do_busy: "The server is busy. Try again in {n} second.|The server is busy. Try again in {n} seconds.",
    do_500: "Try again; if it stays, tell whoever runs the server and name the request {request}.",
    do_other: "Try again.", combinations: "Worn together", lift: "{n} times as often as by chance",
    stage_emerging: "emerging", stage_rising: "rising", stage_mainstream: "mainstream", stage_declining: "declining",
    stage_classic: "classic", stage_dormant: "dormant",
    trajectory_sustained_riser: "sustained riser", trajectory_sustained_decliner: "sustained decliner",
    trajectory_seasonal_riser: "seasonal riser", trajectory_seasonal_decliner: "seasonal decliner",
    trajectory_rising_star: "rising star", trajectory_falling_star: "falling star",
    trajectory_flat: "flat", trajectory_seasonal_flat: "seasonal flat",
    key_share: "Share", key_share_text: "Of the products on sale that have the attribute, the part with this value. Corrected for the recogniser's errors.",
    key_interval: "Range", key_interval_text: "The upright line is today's share, the dot the forecast, the bar where the share will lie with 80 % probability. All cards have the same scale.",
    key_direction: "Direction", key_direction_text: "▲ rising or ▼ falling only where the change exceeds its noise with at least 80 % probability, otherwise ▬ stable.",
    key_stage: "Stage", key_stage_text: "A value's place in its life: emerging, rising, mainstream, classic, declining or dormant.",
    key_grade: "Grade", key_grade_text: "A: sure, well supported, agreed upon by platforms, with a forecaster of proven skill. B: sure. C: a hint.",
  },
  zh: {
    skip: "跳到趋势", nav_gates: "质量门", nav_gaps: "暂无结论", leaders: "上升最明确的", sections: "页面导航", trends: "趋势", ask: "以图识款", gates: "质量门", gaps: "证据不足",
    token: "访问令牌", language: "语言", headline: "接下来，人们想穿什么", loading: "正在载入……", summary: "概要",
    ask_hint: "把服装照片拖到这里，或直接粘贴。识别器会指出它看到的款式要素，以及这些要素的走势。",
    choose: "选择图片", answer: "识别结果", close: "关闭", cancel: "取消", filter: "筛选趋势", search: "搜索",
    direction: "方向", attribute: "类别", platform: "平台", confidence: "最低把握", sort: "排序", reset: "显示全部",
    key: "如何阅读卡片", gaps_note: "以下各项暂不作结论，原因如下。",
    colophon: "预测的是在售商品的占比，而非销量；数据来自商店自己的图片。",
    token_title: "服务器需要访问令牌", token_text: "请向运维人员索取具有读取权限的令牌。令牌只保存在本标签页中，关闭即清除。",
    token_use: "使用此令牌", token_refused: "服务器不接受此令牌，请检查是否复制完整。",
    fresh: "数据截至{day}，向前预测 {n} 天，至{target}。版本 {release}。", old: "数据已是 {n} 天前的。",
    all: "全部", all_platforms: "全部平台合并", all_attributes: "全部类别", rising: "上升", falling: "下降", stable: "平稳",
    sort_rank: "综合排序", sort_rise: "升幅最大", sort_fall: "降幅最大", sort_share: "占比最大", sort_confidence: "把握最大",
    sort_support: "样本最多", sort_name: "名称", shown: "{of} 个关键词中的 {n} 个", none_fit: "没有符合条件的关键词。",
    none_fit_do: "请点“显示全部”，或降低最低把握。", no_release: "还没有可显示的版本。",
    no_release_do: "请先运行一次 fashiontrend run；两道质量门都通过后，关键词会出现在这里。",
    now: "现在", in_days: "{n} 天后", pts: "个百分点", grade: "{grade} 级", products: "{n} 件商品",
    agree: "{of} 个平台中 {n} 个一致：{names}", agree_all: "{of} 个平台全部一致", stage_label: "{stage}", agree_none: "单个平台均不明确，合并后明确", one_platform: "仅见于 {platform}", no_picture: "无图",
    interval_text: "现在 {now}，{days} 天后 {then}；80 % 区间 {low} 至 {high}", range: "80 % 区间 {low} 至 {high}",
    evidence_of: "证据", seen_at: "{platform} 的{value}，把握 {sure}", sure: "把握 {p}", open_card: "查看{value}的证据",
    said_rising: "预计到{day}，{value}在商品中的占比将从 {now} 升至 {then}。",
    said_falling: "预计到{day}，{value}在商品中的占比将从 {now} 降至 {then}。",
    said_stable: "预计到{day}，{value}在商品中的占比保持在 {now} 左右。",
    curves: "各平台商品占比", pooled: "全部平台", pictures: "实际样貌", numbers: "数据", caveats: "注意事项", source: "数据来源",
    p_direction: "该方向的概率", support: "支持商品数", days_observed: "观测天数", skill: "回测中相对“保持不变”的提升", agreement: "一致的平台",
    wow: "近一周变化", mom: "近四周变化", yoy: "同比变化", deseasonalised: "去除季节后的预期变化", stage: "阶段", trajectory: "走势",
    seasonal: "目标日的季节指数", leads: "领先平台", lead_days: "{platform}，约领先 {n} 天", measured: "实测占比",
    low: "下限（80 %）", high: "上限（80 %）", day: "日期", share: "占比", withheld: "剔除", forecast: "预测", band80: "80 % 区间",
    band95: "95 % 区间", persistence: "若保持不变", last_year: "一年前", withheld_days: "剔除日", as_table: "以表格显示", not_measured: "未测得",
    chart_text: "{platform}：{from} 为 {first}，{day} 为 {now}；预测 {target} 为 {then}，80 % 区间 {low} 至 {high}。",
    chart_text_no: "{platform}：{from} 为 {first}，{day} 为 {now}；无预测。", no_curve: "该平台没有曲线。",
    first_seen: "{day}起在售", shop_page: "商品页面", run: "运行", model: "识别器", label_set: "标注集", taxonomy: "分类体系",
    days_used: "使用天数", days_withheld: "剔除天数", open_now: "通过", closed_now: "未通过", gate_health: "数据健康",
    gate_accuracy: "识别器", gate_perplexity: "预测拟合", means_health: "数据日被剔除的平台数", means_accuracy: "标注图片上的平均准确率",
    means_perplexity: "未参与训练日的归一化困惑度", needs: "要求 {limit}", judged: "{day}判定", history: "{n} 次判定",
    history_text: "共 {n} 次判定，最近为 {value}", no_gates: "还没有质量门判定。", conditions: "全部条件",
    no_gates_do: "首次到达质量门的运行会写下判定；在此之前不会发布。", gate_closed: "{gate}质量门未通过", gates_open: "质量门全部通过",
    data_day: "数据日 {day}", withheld_n: "剔除 {n} 天", no_withheld: "没有剔除日", rising_n: "{n} 个上升", falling_n: "{n} 个下降",
    stable_n: "{n} 个平稳", no_gaps: "所有属性值的证据都充分。", gaps_n: "{n} 项", reason: "原因", value: "属性值",
    working: "正在识别……", drop_now: "松开即可识别", garment: "第 {n} 件", garment_sure: "检出把握 {p}", not_visible: "看不到",
    not_applicable: "不适用", uncertain: "不确定，可能是", also: "或", trend_here: "走势：{direction}", no_trend: "走势未知",
    more_files: "共 {n} 张图片，只显示第一张。", no_garment: "没有找到服装。", no_garment_do: "请换一张完整、端正地展示一件服装的图片。",
    picked: "您选择的图片及找到的服装框", failed: "操作未成功。", again: "重试", offline: "服务器没有应答。",
    offline_do: "请确认服务器正在运行、网络已连接，然后重试。", do_401: "请提供访问令牌。", do_403: "此令牌没有所需权限，请索取具有该权限的令牌。",
    do_404: "它可能属于较早的版本，请刷新页面。", do_413: "请选择较小的图片，不超过 10 MB。", do_415: "请选择 JPEG、PNG 或 WebP 图片。",
    do_busy: "服务器繁忙，请在 {n} 秒后重试。", do_500: "请重试；若仍失败，请告知运维人员请求号 {request}。", do_other: "请重试。",
    combinations: "常见搭配", lift: "出现频率是随机的 {n} 倍",
    stage_emerging: "萌芽期", stage_rising: "上升期", stage_mainstream: "主流期", stage_declining: "衰退期", stage_classic: "经典款", stage_dormant: "沉寂期",
    trajectory_sustained_riser: "持续上升", trajectory_sustained_decliner: "持续下降", trajectory_seasonal_riser: "季节性上升",
    trajectory_seasonal_decliner: "季节性下降", trajectory_rising_star: "新近上升", trajectory_falling_star: "新近下降",
    trajectory_flat: "平稳", trajectory_seasonal_flat: "季节性平稳",
    key_share: "占比", key_share_text: "在售且具有该类别的商品中，取该属性值的比例；已校正识别误差。",
    key_interval: "区间", key_interval_text: "竖线为今天的占比，圆点为预测值，横条为占比有 80 % 可能落入的范围。所有卡片比例尺相同。",
    key_direction: "方向", key_direction_text: "只有当变化大于噪声的概率至少为 80 % 时，才判为 ▲ 上升或 ▼ 下降，否则为 ▬ 平稳。",
    key_stage: "阶段", key_stage_text: "属性值所处的生命周期：萌芽、上升、主流、经典、衰退或沉寂。",
    key_grade: "等级", key_grade_text: "A：把握大、样本足、平台一致，且预测器能力已获验证。B：把握大。C：仅供参考。",
  },
};

/** Sentences that the server writes in English, and how they are told in Chinese. */
const TOLD = [
  [/^less than one year of history: seasonality not separable$/, "历史不足一年，无法区分季节性"],
  [/^(\d+) days withheld or not measured$/, "剔除或未测得 $1 天"],
  [/^support (\d+) < (\d+) products$/, "支持商品 $1 件，少于 $2 件"],
  [/^(\d+) < (\d+) usable days$/, "可用天数 $1，少于 $2"],
  [/^(\S+) is withheld by data health$/, "$1 因数据健康问题被剔除"],
  [/^no forecast$/, "没有预测"],
];

let lang = "en";

/** @param {string} chosen `en` or `zh` */
export function speak(chosen) {
  lang = chosen === "zh" ? "zh" : "en";
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.querySelectorAll("[data-word]").forEach((e) => void (e.textContent = t(e.dataset.word)));
  document.querySelectorAll("[data-word-label]").forEach((e) => e.setAttribute("aria-label", t(e.dataset.wordLabel)));
}

/** The language spoken now. */
export const spoken = () => lang;

/**
 * Words in the language spoken now; `{name}` is filled in.
 * @param {string} key
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = WORDS[lang][key] ?? WORDS.en[key] ?? key;
  const [one, many = one] = text.split("|");
  const chosen = Number(values.n) === 1 ? one : many;
  return chosen.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Whether there are words for a key. @param {string} key */
export const has = (key) => key in WORDS.en;

/** A value or attribute in the language spoken now. @param {{en?: string, zh?: string}} named */
export const named = (it) => (lang === "zh" ? it.zh || it.en : it.en || it.zh) ?? "";

/** Its name in the other language. @param {{en?: string, zh?: string}} named */
export const otherName = (it) => (lang === "zh" ? it.en : it.zh) ?? "";

/** The language of `otherName`. */
export const otherLang = () => (lang === "zh" ? "en" : "zh");

/**
 * A sentence of the server, with the language it is in.
 * @param {string} sentence
 * @returns {{text: string, lang: string}}
 */
export function retell(sentence) {
  if (lang === "zh") {
    for (const [pattern, chinese] of TOLD) {
      if (pattern.test(sentence)) return { text: sentence.replace(pattern, chinese), lang: "zh" };
    }
  }
  return { text: sentence, lang: "en" };
}
