import { useSignal } from '@preact/signals'
import { Amount, amountText } from '../../components/amount.tsx'
import { Badge } from '../../components/badge.tsx'
import { Button } from '../../components/button.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { Panel } from '../../components/panel.tsx'
import { Ago } from '../../components/when.tsx'
import { ApiError, change, type Plan, pathOfServer } from '../../state/api.ts'
import type { ServerShare } from './shares.ts'

/** The sessions that a drain of each server would move, and where they would go. Nothing is changed. */
export function DrainForecast({
  upstream,
  shares,
}: {
  readonly upstream: string
  readonly shares: readonly ServerShare[]
}) {
  const columns: readonly Column<ServerShare>[] = [
    {
      key: 'name',
      label: 'Server',
      cell: ({ name, server }) => (
        <>
          {name} {server?.drain?.state === 'draining' && <Badge tone="warn">draining</Badge>}
        </>
      ),
      sortBy: ({ name }) => name,
    },
    {
      key: 'live',
      label: 'Sessions to move',
      isNumber: true,
      title: 'Those that are on it now. During a drain they end by themselves, until the deadline.',
      cell: ({ live }) => <Amount value={live} kind="whole" />,
      sortBy: ({ live }) => live,
    },
    {
      key: 'active',
      label: 'Active',
      isNumber: true,
      title: 'Those of them with a request in flight.',
      cell: ({ active }) => <Amount value={active} kind="whole" />,
      sortBy: ({ active }) => active,
    },
    {
      key: 'oldest',
      label: 'Oldest began',
      isNumber: true,
      cell: ({ oldest }) => <Ago at={oldest} />,
      sortBy: ({ oldest }) => oldest ?? '9',
    },
    {
      key: 'where',
      label: 'Where they would go',
      cell: ({ name }) => <Where key={name} upstream={upstream} server={name} />,
    },
  ]
  return (
    <div class="drain-forecast">
      <Panel title="If a server were drained" flush>
        <DataTable
          label="Sessions that a drain would move"
          columns={columns}
          rows={shares}
          keyOf={({ name }) => `${upstream}/${name}`}
          initialSort={{ key: 'live', isDescending: false }}
          empty={<Empty title="No servers" />}
        />
      </Panel>
    </div>
  )
}

/** Asked for by a button: a plan looks at every session. */
function Where({ upstream, server }: { readonly upstream: string; readonly server: string }) {
  const words = useSignal<string | undefined>(undefined)
  const isBusy = useSignal(false)
  const ask = async () => {
    isBusy.value = true
    try {
      // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
      const body = { admin: 'drain', then: 'move' }
      words.value = wordsOfPlan(await change<Plan>('POST', `${pathOfServer(upstream, server)}/plan`, body), upstream)
    } catch (error) {
      words.value = error instanceof ApiError ? error.message : String(error)
    }
    isBusy.value = false
  }
  return (
    <span class="where">
      <span role="status">{words.value}</span>
      <Button disabled={isBusy.value} aria-label={`Where to from ${server}?`} onClick={ask}>
        {words.value === undefined ? 'Where to?' : 'Again'}
      </Button>
    </span>
  )
}

function wordsOfPlan({ upstreams }: Plan, name: string): string {
  const plan = upstreams.find((upstream) => upstream.name === name)
  if (plan === undefined || plan.moves.length === 0) return 'No session would move.'
  const about = plan.areTargetsExact ? '' : 'about '
  return plan.moves
    .map(({ to, outcome, sessions }) => {
      const count = amountText(sessions, 'whole')
      if (outcome === 'moved') return `${about}${count} to ${to}`
      return outcome === 'refused' ? `${count} refused` : `${count} served by nobody`
    })
    .join(', ')
}
