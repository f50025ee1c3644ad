import type { Upstream } from '../../admin/answers.ts'
import type { TrafficHistory } from '../../admin/traffic.ts'
import { grid } from './grid.ts'
import { summaryLines } from './summary.ts'
import { serverColumns, serverRows, upstreamColumns, upstreamRows } from './tables.ts'
import { paintNothing } from './tone.ts'

/** The tables once, as wide as they are, for a pipe or a file. */
export function printed(history: TrafficHistory, upstreams: readonly Upstream[]): string {
  const options = { width: Number.POSITIVE_INFINITY, paint: paintNothing }
  return [
    ...summaryLines(history.samples, 40, options.width),
    '',
    ...grid(upstreamColumns, upstreamRows(upstreams, history), options),
    '',
    ...grid(serverColumns, serverRows(upstreams, history), options),
  ].join('\n')
}
