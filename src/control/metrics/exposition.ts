import type { Format } from '../../admin/metrics.ts'
import { inSlices } from '../../runtime/slices.ts'

/** What a metric is: https://prometheus.io/docs/concepts/metric_types/ */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary'

/** One metric, and how to find its samples in what was observed. */
export interface Metric<Observed> {
  /** That of a counter ends with `_total`. */
  readonly name: string
  readonly type: MetricType
  /** What it is, in one sentence. */
  readonly help: string
  /** The names of its labels. */
  readonly labels: readonly string[]
  /** Its samples, each a line. */
  samples(observed: Observed, name: string): Iterable<string>
}

/** How much text is made into bytes at a time, in characters. */
const PIECE = 64 * 1024

/** Writes metrics as text, in slices, so that whatever else the thread does is not held up by thousands of servers. */
export async function exposition<Observed>(
  metrics: readonly Metric<Observed>[],
  observed: Observed,
  format: Format,
): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  let text = ''
  await inSlices(lines(metrics, observed, format), (line) => {
    text += line
    if (text.length < PIECE) return
    pieces.push(Buffer.from(text))
    text = ''
  })
  return [...pieces, Buffer.from(text)]
}

function* lines<Observed>(metrics: readonly Metric<Observed>[], observed: Observed, format: Format): Generator<string> {
  for (const metric of metrics) {
    const { name, type, help } = metric
    const family = format === 'openmetrics' && type === 'counter' ? name.slice(0, -'_total'.length) : name
    yield `# HELP ${family} ${escaped(help)}\n# TYPE ${family} ${type}\n`
    yield* metric.samples(observed, name)
  }
  if (format === 'openmetrics') yield '# EOF\n'
}

/** One sample. */
export function sample(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`
}

/** Labels as samples have them: `upstream="app",server="web-1"`. */
export function labelled(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
    .join()
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
