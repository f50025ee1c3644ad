import { Amount, amountText } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { Sparkline } from '../../components/sparkline.tsx'
import { Ago } from '../../components/when.tsx'
import { ServerActions, WeightButton } from './server-actions.tsx'
import type { ServerRow } from './server-row.ts'
import { ShareBar } from './share-bar.tsx'
import { setSort, type View } from './view.ts'

/** The worst states first. */
const order = ['down', 'away', 'draining', 'maintenance', 'ready', 'up']

const columns: readonly Column<ServerRow>[] = [
  {
    key: 'server',
    label: 'Server',
    cell: ({ server: { name, address, source, backup } }) => {
      const place = typeof source !== 'string' ? address : `${address}, from ${source}`
      return (
        <span class="server-name">
          <b>{name}</b>
          {backup && <Badge title="It serves only when no other server may.">backup</Badge>}
          <small title={place}>{place}</small>
        </span>
      )
    },
    sortBy: ({ server }) => server.name,
  },
  {
    key: 'state',
    label: 'State',
    cell: ({ standing: { word, tone, because } }) => (
      <span class="server-state">
        <Badge tone={tone} dot>
          {word}
        </Badge>
        {because !== undefined && <small title={because}>{because}</small>}
      </span>
    ),
    sortBy: ({ standing }) => order.indexOf(standing.kind),
  },
  {
    key: 'weight',
    label: 'Weight',
    isNumber: true,
    cell: ({ upstream, server }) => <WeightButton upstream={upstream} server={server} />,
    sortBy: ({ server }) => server.weight,
  },
  {
    key: 'inFlight',
    label: 'In flight',
    isNumber: true,
    cell: ({ server, load }) => <Amount value={(load ?? server).inFlight} kind="count" />,
    sortBy: ({ server, load }) => (load ?? server).inFlight,
    title: 'Requests in flight, WebSockets included',
  },
  {
    key: 'tunnels',
    label: 'WebSockets',
    isNumber: true,
    cell: ({ server, load }) => <Amount value={(load ?? server).tunnels} kind="count" />,
    sortBy: ({ server, load }) => (load ?? server).tunnels,
    title: 'WebSockets and other upgraded connections',
  },
  {
    key: 'requests',
    label: 'Requests/s',
    isNumber: true,
    cell: ({ load, server }) => (
      <span class="with-line" title={`${amountText(server.requests, 'whole')} since the start`}>
        <Sparkline values={load?.recent ?? []} width={44} height={20} tone="plain" />
        <Amount value={load?.requests} kind="rate" />
      </span>
    ),
    sortBy: ({ load }) => load?.requests ?? 0,
  },
  {
    key: 'errors',
    label: 'Errors/s',
    isNumber: true,
    cell: ({ load, server }) => (
      <span
        class={load !== undefined && load.errors > 0 ? 'bad-number' : ''}
        title={`${amountText(server.failures, 'whole')} requests have failed since the start`}
      >
        <Amount value={load?.errors} kind="rate" />
      </span>
    ),
    sortBy: ({ load }) => load?.errors ?? 0,
    title: 'Answers of 5xx a second',
  },
  {
    key: 'latency',
    label: 'Latency',
    isNumber: true,
    cell: ({ load }) => (
      <span class="with-line">
        <Sparkline values={load?.recentLatency ?? []} width={44} height={20} />
        <Amount value={load?.latency} kind="ms" />
      </span>
    ),
    sortBy: ({ load }) => load?.latency ?? 0,
    title: 'The mean time to the first byte',
  },
  {
    key: 'sessions',
    label: 'Sessions',
    isNumber: true,
    cell: ({ server: { sessions } }) => (
      <span title={sessions === null ? 'This upstream knows no sessions' : `${sessions.active} active now`}>
        <Amount value={sessions?.live} kind="count" />
      </span>
    ),
    sortBy: ({ server }) => server.sessions?.live ?? 0,
  },
  {
    key: 'share',
    label: 'Share',
    isNumber: true,
    cell: ({ share, asked, greatest }) => <ShareBar share={share} asked={asked} greatest={greatest} />,
    sortBy: ({ share }) => share ?? 0,
    title: 'Of the requests of the last half minute; the mark is what the weights ask for',
  },
  {
    key: 'lastUsed',
    label: 'Last used',
    isNumber: true,
    cell: ({ load }) => <Ago at={load?.lastUsed} />,
    sortBy: ({ load }) => load?.lastUsed ?? '',
  },
  {
    key: 'change',
    label: 'Change',
    cell: ({ upstream, server }) => <ServerActions upstream={upstream} server={server} />,
  },
]

/** The servers of an upstream as rows. */
export function ServerTable({
  upstream,
  rows,
  view,
}: {
  readonly upstream: string
  readonly rows: readonly ServerRow[]
  readonly view: View
}) {
  return (
    <DataTable
      label={`Servers of ${upstream}`}
      columns={columns}
      rows={rows}
      keyOf={({ server }) => server.id}
      sort={view.sort}
      onSort={setSort}
      rowClass={({ standing }) => `${standing.kind} ${standing.tone}`}
      pulseOf={({ standing, server }) => `${standing.word} ${server.weight}`}
      empty={<Empty title="No such server">None of its servers is like that.</Empty>}
    />
  )
}
