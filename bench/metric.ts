/** A measured figure: its name, its format, and which direction is better. */
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
  /** The bytes of bodies in both directions. */
  throughput: { title: 'throughput', better: 'more', format: (value) => `${formatSize(value)}/s` },
  /** The CPU time of all processes and threads of the proxy, user and system. */
  cpu: { title: 'CPU a request', better: 'less', format: formatTime },
  p50: { title: 'p50', better: 'less', format: formatTime },
  p99: { title: 'p99', better: 'less', format: formatTime },
  /** From the start of the proxy to its first response. */
  start: { title: 'first answer', better: 'less', format: formatTime },
  /** At rest, without memory mapped from files, such as the program's code. */
  anonymous: { title: 'anonymous memory', better: 'less', format: formatSize },
  /** At the end of the load. Pages that several processes share count once. */
  memory: { title: 'memory', better: 'less', format: formatSize },
  /** The growth of the resident memory per connection. */
  connection: { title: 'a connection', better: 'less', format: formatSize },
  /** The maximum growth of the resident memory. */
  growth: { title: 'growth at its peak', better: 'less', format: formatSize },
  /** The p99 under attack, compared with that before. */
  slowdown: { title: 'p99 under attack', better: 'less', format: (value) => `× ${significant(value)}` },
  /** The same where the attack is on another proxy of the same kind, on the same cores. */
  beside: { title: 'p99 beside an attack on another', better: 'less', format: (value) => `× ${significant(value)}` },
  /** The share of its cores that the proxy used. If it is well below 100 %, the load was the limit, not the proxy. */
  busy: { title: 'cores used', better: 'more', format: (value) => `${Math.round(value * 100)} %` },
  /** The share of the proxy's cores that others used: other programs, or the host of the virtual machine. */
  disturbed: { title: 'disturbed', better: 'less', format: (value) => `${Math.round(value * 100)} %` },
} satisfies Record<string, Metric>

export type MetricName = keyof typeof metrics

/** The figures of one measurement. */
export type Sample = Readonly<Partial<Record<MetricName, number>>>
