import type { DescribedEvent } from '../event-text.ts'
import { formatServer } from '../server-argument.ts'
import type { Feed } from './feed.ts'
import { sorted } from './grid.ts'
import { type ServerRow, serverColumns, serverRows, type UpstreamRow, upstreamColumns, upstreamRows } from './tables.ts'
import type { View } from './view.ts'

/** The rows of the pages as they are filtered and sorted, and which is marked. */

export function shownUpstreams({ upstreams, traffic }: Feed, { filter, orders }: View): UpstreamRow[] {
  const rows = upstreamRows(upstreams, traffic).filter((row) => matches(filter, nameOfUpstream(row)))
  return sorted(rows, upstreamColumns, orders.Upstreams)
}

export function shownServers({ upstreams, traffic }: Feed, { filter, orders, upstream }: View): ServerRow[] {
  const rows = serverRows(upstreams, traffic).filter(
    (row) =>
      (upstream === undefined || row.upstream === upstream) &&
      matches(
        filter,
        `${nameOfServer(row)} ${row.server.address} ${row.server.state.admin} ${row.server.state.health}`,
      ),
  )
  return sorted(rows, serverColumns, orders.Servers)
}

export function shownEvents({ events }: Feed, { filter }: View): DescribedEvent[] {
  return events.filter(({ type, text }) => matches(filter, `${type} ${text}`))
}

export function nameOfUpstream({ upstream }: UpstreamRow): string {
  return upstream.name
}

export function nameOfServer({ upstream, server }: ServerRow): string {
  return formatServer({ upstream, server: server.name })
}

/** The index of the row of that name, else of the first. */
export function indexOf<Row>(rows: readonly Row[], nameOf: (row: Row) => string, name: string | undefined): number {
  return Math.max(
    0,
    rows.findIndex((row) => nameOf(row) === name),
  )
}

function matches(filter: string, text: string): boolean {
  return text.toLowerCase().includes(filter.toLowerCase())
}
