/** A horizontal bar chart with one or more panels side by side, as an SVG for both light and dark pages. */
export interface Chart {
  readonly title: string
  readonly panels: readonly Panel[]
}

export interface Panel {
  readonly title: string
  readonly bars: readonly Bar[]
}

export interface Bar {
  readonly label: string
  /** Undefined if it could not be measured. */
  readonly value: number | undefined
  /** The lowest and the highest round, drawn as a line across the end of the bar. */
  readonly low?: number
  readonly high?: number
  /** The value as text. */
  readonly text: string
  readonly highlighted: boolean
}

const WIDTH = 860
const LABELS = 190
const GAP = 28
/** Space for the text of the value, right of the bar. */
const WORDS = 76
const ROW = 26
const BAR = 16
const TOP = 68

/** Colours with a contrast of about 4.3 on both white and GitHub's dark grey; an image cannot know its background. */
const colour = { text: '#707b88', highlight: '#2477ee' } as const

/** Bars are translucent, so that the lines across them are visible on any background. */
const OPACITY = 0.45

export function chartSvg({ title, panels }: Chart): string {
  const rows = Math.max(...panels.map(({ bars }) => bars.length))
  const height = TOP + rows * ROW + 10
  const room = (WIDTH - LABELS - GAP * (panels.length - 1)) / panels.length
  const labels = panels[0]!.bars.map(
    ({ label, highlighted }, row) =>
      `<text x="${LABELS - 10}" y="${middle(row)}" text-anchor="end" ${weight(highlighted)}>${escaped(label)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(title)}</title>
<g font-family="-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif" font-size="13" fill="${colour.text}">
<text x="0" y="20" font-size="16" font-weight="600">${escaped(title)}</text>
<text x="${WIDTH}" y="20" text-anchor="end" font-size="12">median, and the range of all rounds</text>
${labels.join('\n')}
${panels.map((panel, index) => panelSvg(panel, LABELS + index * (room + GAP), room)).join('\n')}
</g>
</svg>
`
}

function panelSvg({ title, bars }: Panel, left: number, room: number): string {
  const most = Math.max(...bars.map(({ value = 0, high = value }) => high), Number.MIN_VALUE)
  const length = (value: number) => round(Math.max(0, (value / most) * (room - WORDS)))
  const drawn = bars.map(({ value, low, high, text, highlighted }, row) => {
    if (value === undefined) return `<text x="${left}" y="${middle(row)}">${escaped(text)}</text>`
    const y = TOP + row * ROW
    const fill = highlighted ? colour.highlight : colour.text
    const bar = `<rect x="${left}" y="${y}" width="${Math.max(1, length(value))}" height="${BAR}" rx="2" fill="${fill}" fill-opacity="${OPACITY}"/>`
    const ends = round(left + length(Math.max(value, high ?? value)) + 7)
    const words = `<text x="${ends}" y="${middle(row)}" ${weight(highlighted)}>${escaped(text)}</text>`
    if (low === undefined || high === undefined || low === high) return bar + words
    const [from, to] = [round(left + length(low)), round(left + length(high))]
    const spread = `<path d="M${from} ${y + BAR / 2}H${to}m0 -4v8M${from} ${y + BAR / 2 - 4}v8" stroke="${fill}" stroke-width="1.5" fill="none"/>`
    return bar + spread + words
  })
  return `<text x="${left}" y="${TOP - 16}" font-weight="600">${escaped(title)}</text>\n${drawn.join('\n')}`
}

function middle(row: number): number {
  return TOP + row * ROW + BAR - 3.5
}

function weight(highlighted: boolean): string {
  return highlighted ? `font-weight="600" fill="${colour.highlight}"` : ''
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
