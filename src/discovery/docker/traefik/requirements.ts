import { InvalidValue } from '../../../config/error.ts'

/** What one route of Limpet requires of a request. Empty lists match everything. */
export interface Requirements {
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  readonly methods: readonly string[]
  readonly headers: Readonly<Record<string, string>>
}

/** What meets both; undefined if no request does. Throws InvalidValue where no route can say it. */
export function intersection(one: Requirements, other: Requirements): Requirements | undefined {
  const hosts = commonOf(one.hosts, other.hosts, narrowerHost)
  const paths = commonOf(one.paths, other.paths, narrowerPath)
  const methods = commonOf(one.methods, other.methods, (a, b) => (a === b ? a : undefined))
  const headers = { ...one.headers, ...other.headers }
  const contradiction = Object.entries(one.headers).find(([name, value]) => headers[name] !== value)
  // A request may have both, in two fields.
  if (contradiction !== undefined) throw new InvalidValue(`one value of the header ${contradiction[0]}`)
  return hosts && paths && methods && { hosts, paths, methods, headers }
}

/** Whether some request meets both. */
export function overlap(one: Requirements, other: Requirements): boolean {
  return (
    Object.entries(one.headers).every(([name, value]) => (other.headers[name] ?? value) === value) &&
    intersection({ ...one, headers: {} }, { ...other, headers: {} }) !== undefined
  )
}

/** Joins those that differ in one thing only: `Host(a) || Host(b)` is one route. */
export function joined(requirements: readonly Requirements[]): readonly Requirements[] {
  return (['hosts', 'paths', 'methods'] as const).reduce<readonly Requirements[]>(joinedBy, requirements)
}

function joinedBy(requirements: readonly Requirements[], key: 'hosts' | 'paths' | 'methods'): readonly Requirements[] {
  const groups = Map.groupBy(requirements, (requirement) => JSON.stringify({ ...requirement, [key]: [] }))
  return [...groups.values()].map((group) => {
    const matchesAll = group.some((requirement) => requirement[key].length === 0)
    return { ...group[0]!, [key]: matchesAll ? [] : [...new Set(group.flatMap((requirement) => requirement[key]))] }
  })
}

/** The intersection of two lists of patterns, of which an empty one matches everything; undefined if nothing is left. */
function commonOf(
  some: readonly string[],
  others: readonly string[],
  narrower: (one: string, other: string) => string | undefined,
): readonly string[] | undefined {
  if (some.length === 0) return others
  if (others.length === 0) return some
  const common = some.flatMap((one) => others.map((other) => narrower(one, other)))
  const found = [...new Set(common.filter((pattern) => pattern !== undefined))]
  return found.length === 0 ? undefined : found
}

/** Of two hosts or wildcards, the one that the other covers. */
function narrowerHost(one: string, other: string): string | undefined {
  if (coversHost(one, other)) return other
  return coversHost(other, one) ? one : undefined
}

export function coversHost(one: string, other: string): boolean {
  return one === other || (one.startsWith('*.') && other.replace(/^\*/, '').endsWith(one.slice(1)))
}

/** Of two paths or prefixes, the one that the other covers. */
function narrowerPath(one: string, other: string): string | undefined {
  if (coversPath(one, other)) return other
  return coversPath(other, one) ? one : undefined
}

export function coversPath(one: string, other: string): boolean {
  return one === other || (one.endsWith('/*') && other.startsWith(one.slice(0, -1)))
}
