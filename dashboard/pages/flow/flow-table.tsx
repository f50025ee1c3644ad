import { Amount } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import type { FlowGraph, FlowLink } from './flow-graph.ts'

const columns: readonly Column<FlowLink>[] = [
  { key: 'from', label: 'From', cell: ({ from }) => from.label, sortBy: ({ from }) => from.label },
  { key: 'to', label: 'To', cell: ({ to }) => to.label, sortBy: ({ to }) => to.label },
  {
    key: 'requests',
    label: 'Requests/s',
    isNumber: true,
    cell: ({ requests }) => <Amount value={requests} kind="rate" />,
    sortBy: ({ requests }) => requests,
  },
  {
    key: 'errors',
    label: 'Errors/s',
    isNumber: true,
    cell: ({ errors }) => <Amount value={errors} kind="rate" />,
    sortBy: ({ errors }) => errors,
  },
  {
    key: 'state',
    label: 'State of the target',
    cell: ({ to }) => (to.words === '' ? '' : <Badge tone={to.tone}>{to.words}</Badge>),
    sortBy: ({ to }) => to.words,
  },
]

/** The picture as a table. */
export function FlowTable({ graph: { columns: nodes, links } }: { readonly graph: FlowGraph }) {
  const order = new Map(nodes.flat().map(({ id }, index) => [id, index]))
  const rows = links.toSorted(
    (one, other) =>
      order.get(one.from.id)! - order.get(other.from.id)! || order.get(one.to.id)! - order.get(other.to.id)!,
  )
  return (
    <DataTable
      label="Traffic from routes to upstreams to servers"
      columns={columns}
      rows={rows}
      keyOf={({ id }) => id}
      empty={<Empty title="Nothing flows">There are no routes with traffic yet.</Empty>}
    />
  )
}
