import type { Upstream } from '../../../src/admin/answers.ts'
import { Amount } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty, Waiting } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import { traffic, upstreams } from '../../state/live.ts'
import { goTo, linkTo } from '../../state/place.ts'
import { policyText } from '../../state/policy.ts'

interface Row extends Upstream {
  readonly up: number
  readonly load:
    | {
        readonly requests: number
        readonly errors: number
        readonly p95: number | null
        readonly stickiness: number | null
      }
    | undefined
}

const columns: readonly Column<Row>[] = [
  {
    key: 'name',
    label: 'Upstream',
    cell: ({ name }) => <a href={linkTo('upstreams', [name])}>{name}</a>,
    sortBy: ({ name }) => name,
  },
  { key: 'servers', label: 'Servers', cell: serversCell, sortBy: ({ up, servers }) => up / servers.length },
  { key: 'balance', label: 'Policy', cell: policyText },
  {
    key: 'requests',
    label: 'Requests/s',
    isNumber: true,
    cell: ({ load }) => <Amount value={load?.requests} kind="rate" />,
    sortBy: ({ load }) => load?.requests ?? 0,
  },
  {
    key: 'errors',
    label: 'Errors/s',
    isNumber: true,
    cell: ({ load }) => <Amount value={load?.errors} kind="rate" />,
    sortBy: ({ load }) => load?.errors ?? 0,
  },
  {
    key: 'p95',
    label: 'p95',
    isNumber: true,
    cell: ({ load }) => <Amount value={load?.p95} kind="ms" />,
    sortBy: ({ load }) => load?.p95 ?? 0,
  },
  {
    key: 'stickiness',
    label: 'Stickiness',
    isNumber: true,
    cell: ({ load }) => <Amount value={load?.stickiness} kind="percent" />,
    sortBy: ({ load }) => load?.stickiness ?? 0,
  },
]

/** Each upstream in a row. */
export function UpstreamList() {
  const known = upstreams.data.value
  const loads = new Map(traffic.value?.upstreams.map((load) => [load.name, load]))
  const rows = known?.upstreams.map((upstream) => ({
    ...upstream,
    up: upstream.servers.filter(({ state }) => state.health !== 'down' && state.admin === 'ready').length,
    load: loads.get(upstream.name),
  }))
  return (
    <div class="upstreams">
      <Panel title="Upstreams" flush>
        {rows === undefined ? (
          <Waiting error={upstreams.error.value} />
        ) : (
          <DataTable
            label="Upstreams"
            columns={columns}
            rows={rows}
            keyOf={({ name }) => name}
            onChoose={({ name }) => goTo(linkTo('upstreams', [name]))}
            empty={<Empty title="No upstreams">The configuration has none.</Empty>}
          />
        )}
      </Panel>
    </div>
  )
}

function serversCell({ up, servers, pause, warnings }: Row) {
  const tone = up === servers.length ? 'good' : up === 0 ? 'bad' : 'warn'
  return (
    <>
      <Badge tone={tone} dot>
        {up} of {servers.length} ready
      </Badge>
      {pause !== null && <Badge tone="warn">paused</Badge>}
      {warnings.map(({ code, message }) => (
        <Badge key={code} tone="warn" title={message}>
          {code}
        </Badge>
      ))}
    </>
  )
}
