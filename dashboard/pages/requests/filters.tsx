import { useId } from 'preact/hooks'
import { Button, SearchField } from '../../components/button.tsx'
import { upstreams } from '../../state/live.ts'
import { reasonWords } from '../../state/reasons.ts'
import { clearFilters, type FilterName, filterOf, filterQuery, isValid, setFilter } from './filter.ts'

/** How many names are suggested at most. */
const MOST_SUGGESTED = 200

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT']
const statuses = ['2xx', '3xx', '4xx', '5xx', '101', '404', '429', '502', '503', '504']
/** `moved` stands for all that begin with it. */
const reasons = ['moved', 'refused', ...Object.keys(reasonWords)]

/** By what the requests are filtered. */
export function Filters() {
  const known = upstreams.data.value?.upstreams ?? []
  const names = known.map(({ name }) => name)
  const upstream = filterOf('upstream')
  const servers = known.filter(({ name }) => upstream === '' || name === upstream).flatMap((each) => each.servers)
  return (
    <search class="filters" aria-label="Filter requests">
      <SearchField label="Path contains" value={filterOf('path')} onChange={(value) => setFilter('path', value)} />
      <Select name="method" any="Any method" options={methods} />
      <Suggested
        name="status"
        label="Status"
        suggestions={statuses}
        hint="a status such as 404, or a class such as 5xx"
      />
      <Select name="upstream" any="Any upstream" options={names} />
      <Suggested name="server" label="Server" suggestions={servers.map(({ name }) => name)} />
      <Select name="reason" any="Any reason" options={reasons} />
      <Button look="quiet" disabled={filterQuery.value === ''} onClick={clearFilters}>
        Clear
      </Button>
    </search>
  )
}

function Select({
  name,
  any,
  options,
}: {
  readonly name: FilterName
  readonly any: string
  readonly options: readonly string[]
}) {
  const value = filterOf(name)
  const all = value === '' || options.includes(value) ? options : [value, ...options]
  return (
    <select
      aria-label={any.replace('Any ', '')}
      value={value}
      onChange={({ currentTarget }) => setFilter(name, currentTarget.value)}
    >
      <option value="">{any}</option>
      {all.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  )
}

function Suggested({
  name,
  label,
  suggestions,
  hint,
}: {
  readonly name: FilterName
  readonly label: string
  readonly suggestions: readonly string[]
  readonly hint?: string
}) {
  const id = useId()
  const value = filterOf(name)
  const isWrong = !isValid(name, value)
  return (
    <>
      <input
        type="search"
        class="search"
        aria-label={label}
        placeholder={label}
        list={id}
        value={value}
        title={hint && `Expected ${hint}`}
        aria-invalid={isWrong}
        onInput={({ currentTarget }) => setFilter(name, currentTarget.value)}
      />
      <datalist id={id}>
        {[...new Set(suggestions)].slice(0, MOST_SUGGESTED).map((suggestion) => (
          <option key={suggestion} value={suggestion} />
        ))}
      </datalist>
    </>
  )
}
