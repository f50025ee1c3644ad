/** A figure that is measured: how it is called, written and judged. */
export interface Metric {
  readonly title: string
  readonly better: 'more' | 'less'
  readonly format: (value: number) => string
}

const significant = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 3 })

/** @param value in µs */
function formatTime(value: number): string {
  return value < 1000 ? `${significant(value)} µs` : `${significant(value / 1000)} ms`
}

/** @param value in bytes */
function formatSize(value: number): string {
  if (Math.abs(value) < 1000) return `${Math.round(value)} B`
  if (Math.abs(value) < 1e6) return `${significant(value / 1000)} kB`
  return Math.abs(value) < 1e9 ? `${significant(value / 1e6)} MB` : `${significant(value / 1e9)} GB`
}

/** Times are in µs, sizes in bytes. */
export const metrics = {
  requests: { title: 'requests/s', better: 'more', format: (value) => Math.round(value).toLocaleString('en') },
  /** Of bodies, both ways together. */
  throughput: { title: 'throughput', better: 'more', format: (value) => `${formatSize(value)}/s` },
  /** Of all the proxy's processes and threads, user and system. */
  cpu: { title: 'CPU a request', better: 'less', format: formatTime },
  p50: { title: 'p50', better: 'less', format: formatTime },
  p99: { title: 'p99', better: 'less', format: formatTime },
  /** From its start to its first answer. */
  start: { title: 'first answer', better: 'less', format: formatTime },
  /** With nothing to do, without what is mapped from files, such as the program's own code. */
  anonymous: { title: 'anonymous memory', better: 'less', format: formatSize },
  /** At the end of the load, pages that several processes share counted once. */
  memory: { title: 'memory', better: 'less', format: formatSize },
  /** How much the resident memory grew, for each connection. */
  connection: { title: 'a connection', better: 'less', format: formatSize },
  /** The most by which the resident memory grew. */
  growth: { title: 'growth at its peak', better: 'less', format: formatSize },
  /** How much of the proxy's cores it used. Well under 100 %, the load and not the proxy was the limit. */
  busy: { title: 'cores used', better: 'more', format: (value) => `${Math.round(value * 100)} %` },
  /** How much of the proxy's cores others used meanwhile: programs beside the bench, or the machine's host. */
  disturbed: { title: 'disturbed', better: 'less', format: (value) => `${Math.round(value * 100)} %` },
} satisfies Record<string, Metric>

export type MetricName = keyof typeof metrics

/** What one measurement found. */
export type Sample = Readonly<Partial<Record<MetricName, number>>>
