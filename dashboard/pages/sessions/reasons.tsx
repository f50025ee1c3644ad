import { Amount } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty, Waiting } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import { Sparkline } from '../../components/sparkline.tsx'
import { linkTo } from '../../state/place.ts'
import { toneOfReason, wordsOf } from '../../state/reasons.ts'
import { chosen, type UpstreamReasons } from './state.ts'

interface Row {
  readonly reason: string
  readonly recent: readonly number[]
  readonly count: number
  readonly share: number
}

const columns: readonly Column<Row>[] = [
  {
    key: 'reason',
    label: 'Reason',
    cell: ({ reason }) => <Badge tone={toneOfReason(reason)}>{reason}</Badge>,
    sortBy: ({ reason }) => reason,
  },
  { key: 'words', label: 'What it means', cell: ({ reason }) => <span class="words">{wordsOf(reason)}</span> },
  {
    key: 'recent',
    label: 'Over time',
    cell: ({ reason, recent }) => (
      <Sparkline values={recent} width={140} tone={toneOfReason(reason) === 'bad' ? 'bad' : 'accent'} />
    ),
  },
  {
    key: 'count',
    label: 'Requests',
    isNumber: true,
    cell: ({ reason, count }) => (
      <a href={linkTo('requests', [], { upstream: chosen.value?.name ?? '', reason })} title="Watch such requests">
        <Amount value={count} kind="whole" />
      </a>
    ),
    sortBy: ({ count }) => count,
  },
  {
    key: 'share',
    label: 'Share',
    isNumber: true,
    cell: ({ share }) => <Amount value={share} kind="percent" />,
    sortBy: ({ share }) => share,
  },
]

/** What became of the requests of sessions in the last minutes, by reason. */
export function Reasons({ reasons, step }: { readonly reasons: UpstreamReasons | undefined; readonly step: number }) {
  const minutes = ((reasons?.[0]?.recent.length ?? 20) * step) / 60_000
  return (
    <div class="reasons">
      <Panel title="What moved, and why" flush aside={<span class="faint">the last {minutes} minutes</span>}>
        {reasons === undefined ? (
          <Waiting />
        ) : (
          <DataTable
            label="Reasons"
            columns={columns}
            rows={rowsOf(reasons)}
            keyOf={({ reason }) => reason}
            initialSort={{ key: 'count', isDescending: true }}
            empty={<Empty title="No requests">There were none in the last minutes.</Empty>}
          />
        )}
      </Panel>
    </div>
  )
}

function rowsOf(reasons: UpstreamReasons): readonly Row[] {
  const rows = reasons.map(({ reason, recent }) => ({
    reason,
    recent,
    count: recent.reduce((sum, one) => sum + one, 0),
  }))
  const all = rows.reduce((sum, { count }) => sum + count, 0)
  return rows.map((row) => ({ ...row, share: row.count / all }))
}
