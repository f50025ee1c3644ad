import { Amount } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { timeOfDay } from '../../components/when.tsx'
import type { Tone } from '../../state/happening.ts'
import { toneOfReason, wordsOf } from '../../state/reasons.ts'
import { filterQuery } from './filter.ts'
import type { TailRow } from './tail.ts'

const columns: readonly Column<TailRow>[] = [
  {
    key: 'path',
    label: 'Request',
    cell: ({ method, host, path }) => (
      <span class="request" title={`${method} ${host}${path}`}>
        <b>{method}</b> <code>{path}</code>
      </span>
    ),
  },
  { key: 'status', label: 'Status', cell: ({ status }) => <Status status={status} /> },
  { key: 'server', label: 'Server', cell: serverCell },
  { key: 'ms', label: 'Time', isNumber: true, cell: ({ ms }) => <Amount value={ms} kind="ms" /> },
  { key: 'reason', label: 'Reason', cell: reasonCell },
  {
    key: 'at',
    label: 'At',
    isNumber: true,
    cell: ({ at }) => (
      <time class="faint" dateTime={at}>
        {timeOfDay(at)}
      </time>
    ),
  },
]

interface RequestTableProps {
  readonly rows: readonly TailRow[]
  readonly chosen: TailRow | undefined
  readonly onChoose: (row: TailRow) => void
}

/** The requests, newest first. */
export function RequestTable({ rows, chosen, onChoose }: RequestTableProps) {
  return (
    <DataTable
      label="Requests"
      columns={columns}
      rows={rows}
      keyOf={({ number }) => String(number)}
      rowClass={({ number }) => (number === chosen?.number ? 'chosen' : '')}
      onChoose={onChoose}
      empty={
        filterQuery.value === '' ? (
          <Empty title="No request yet">Requests appear here as they end.</Empty>
        ) : (
          <Empty title="No such request yet">Those that fit the filter appear here as they end.</Empty>
        )
      }
    />
  )
}

export function Status({ status }: { readonly status: number }) {
  const tone: Tone = status >= 500 ? 'bad' : status >= 400 ? 'warn' : status >= 200 && status < 300 ? 'good' : 'plain'
  return <Badge tone={tone}>{status === 0 ? 'none' : status}</Badge>
}

function serverCell({ upstream, server, attempts }: TailRow) {
  if (upstream === null) return <span class="faint">none</span>
  return (
    <span class="server">
      <span class="faint">{upstream}/</span>
      {server ?? '–'}
      {attempts > 1 && <span class="faint"> · {attempts} attempts</span>}
    </span>
  )
}

function reasonCell({ reason, failure }: TailRow) {
  return (
    <>
      {reason !== null && (
        <span class={`reason ${toneOfReason(reason)}`} title={wordsOf(reason)}>
          {reason}
        </span>
      )}
      {failure !== null && (
        <Badge tone="bad" title="Why it failed">
          {failure}
        </Badge>
      )}
    </>
  )
}
