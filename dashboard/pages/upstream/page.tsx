import './upstream.css'
import { useEffect } from 'preact/hooks'
import type { Upstream } from '../../../src/admin/answers.ts'
import { Choice, SearchField } from '../../components/button.tsx'
import { Empty, Waiting } from '../../components/empty.tsx'
import { traffic, upstreams, want } from '../../state/live.ts'
import { goTo, linkTo, place } from '../../state/place.ts'
import { ChangeDialog } from './change-dialog.tsx'
import { Drains } from './drains.tsx'
import { rowsOf } from './server-row.ts'
import { UpstreamNumbers } from './upstream-numbers.tsx'
import { UpstreamPanel } from './upstream-panel.tsx'
import { filterOf, setFind, setState, shows, stateFilters, viewNow } from './view.ts'

/** The servers of one upstream, or of all: `#/upstreams/app`, `#/upstreams`. */
export function UpstreamPage() {
  const [name] = place.value.rest
  // Of one by name, the API shows more servers in detail.
  useEffect(() => {
    want(name === undefined ? [] : [name])
    return () => want([])
  }, [name])
  const known = upstreams.data.value?.upstreams
  if (known === undefined) return <Waiting error={upstreams.error.value} />
  if (known.length === 0) return <Empty title="No upstreams">The configuration has none.</Empty>
  const chosen = name === undefined ? known : known.filter((upstream) => upstream.name === name)
  return (
    <div class="upstream-page">
      <Tools known={known} name={name} chosen={chosen} />
      {chosen.length === 0 ? (
        <Empty title={`There is no upstream ${name}`}>It may have been removed.</Empty>
      ) : (
        <Chosen chosen={chosen} />
      )}
      <ChangeDialog />
    </div>
  )
}

function Chosen({ chosen }: { readonly chosen: readonly Upstream[] }) {
  const loads = new Map(traffic.value?.upstreams.map((load) => [load.name, load]))
  const view = viewNow()
  const isFiltered = view.find !== '' || view.state !== 'all'
  const shown = chosen
    .map((upstream) => {
      const load = loads.get(upstream.name)
      const rows = rowsOf(upstream, load)
      return { upstream, load, rows: isFiltered ? rows.filter((row) => shows(view, row)) : rows }
    })
    .filter(({ rows }) => !isFiltered || rows.length > 0)
  const drains = chosen.flatMap(({ servers }) => servers.flatMap(({ drain }) => drain ?? []))
  return (
    <>
      {chosen.length === 1 && <UpstreamNumbers upstream={chosen[0]!} load={loads.get(chosen[0]!.name)} />}
      <Drains drains={drains} />
      {shown.map(({ upstream, load, rows }) => (
        <UpstreamPanel
          key={upstream.name}
          upstream={upstream}
          load={load}
          rows={rows}
          view={view}
          isAlone={chosen.length === 1}
        />
      ))}
      {shown.length === 0 && <Empty title="No such server">None is like that. Change the filter above.</Empty>}
    </>
  )
}

/** More are chosen from a list. */
const MOST_BESIDE = 5

function Tools({
  known,
  name,
  chosen,
}: {
  readonly known: readonly Upstream[]
  readonly name: string | undefined
  readonly chosen: readonly Upstream[]
}) {
  const options = [
    { value: '', label: 'All' },
    ...known.map((upstream) => ({ value: upstream.name, label: upstream.name })),
  ]
  const choose = (next: string) => {
    goTo(linkTo('upstreams', next === '' ? [] : [next], Object.fromEntries(place.peek().query)))
  }
  const view = viewNow()
  const standings = chosen.flatMap((upstream) => rowsOf(upstream, undefined)).map(({ standing }) => filterOf(standing))
  const states = stateFilters
    .map((value) => ({ value, count: standings.filter((one) => value === 'all' || one === value).length }))
    .filter(({ value, count }) => value === 'all' || count > 0 || value === view.state)
    .map(({ value, count }) => ({ value, label: `${stateWords[value]} ${count}` }))
  return (
    <div class="tools">
      {known.length <= MOST_BESIDE ? (
        <Choice label="Upstream" value={name ?? ''} options={options} onChange={choose} />
      ) : (
        <select aria-label="Upstream" value={name ?? ''} onChange={({ currentTarget }) => choose(currentTarget.value)}>
          {options.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
      <SearchField label="Filter servers" value={view.find} onChange={setFind} />
      <Choice label="State" value={view.state} options={states} onChange={setState} />
    </div>
  )
}

const stateWords = {
  all: 'All',
  up: 'Up',
  draining: 'Draining',
  down: 'Down',
  away: 'Away',
  maintenance: 'Maintenance',
} as const
