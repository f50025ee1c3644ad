/** The text that Prometheus reads: https://prometheus.io/docs/instrumenting/exposition_formats/, or OpenMetrics 1.0. */
export type Format = 'prometheus' | 'openmetrics'

/** All that was counted and measured. */
export interface Metrics {
  /** The text in pieces. */
  write(format: Format): Promise<readonly Uint8Array[]>
}

export const contentTypes: Readonly<Record<Format, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format for a client, by its Accept: OpenMetrics only where it likes that at least as much. */
export function formatFor(accept = ''): Format {
  const wishes = accept.split(',').map((written) => {
    const [type = '', ...parameters] = written.split(';').map((part) => part.trim().toLowerCase())
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    return { type, quality: quality === undefined ? 1 : Number(quality.slice(2)) || 0 }
  })
  const bestOf = (type: string) =>
    Math.max(0, ...wishes.filter((wish) => wish.type === type).map(({ quality }) => quality))
  const openMetrics = bestOf('application/openmetrics-text')
  return openMetrics > 0 && openMetrics >= bestOf('text/plain') ? 'openmetrics' : 'prometheus'
}
