import { InvalidValue } from '../../../config/error.ts'
import { parseExpression } from '../../../config/expression.ts'

/** What one route of Limpet requires of a request. Empty lists match everything. */
export interface Requirements {
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  readonly methods: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  /** From parameters to their values; true: any. */
  readonly query?: Readonly<Record<string, string | true>>
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
  const query = bothQueries(one.query, other.query)
  return hosts && paths && methods && { hosts, paths, methods, headers, ...(query !== undefined && { query }) }
}

function bothQueries(one: Requirements['query'], other: Requirements['query']): Requirements['query'] {
  if (one === undefined || other === undefined) return one ?? other
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return Object.fromEntries(
    [...names].map((name) => {
      const values = [one[name], other[name]].filter((value) => value !== undefined && value !== true)
      if (values.length === 2 && values[0] !== values[1]) throw new InvalidValue(`one value of the parameter ${name}`)
      return [name, values[0] ?? true]
    }),
  )
}

/** Whether some request meets both, as far as that can be told of regular expressions. */
export function overlap(one: Requirements, other: Requirements): boolean {
  if (hasExpressions(one) || hasExpressions(other)) return false
  return (
    Object.entries(one.headers).every(([name, value]) => (other.headers[name] ?? value) === value) &&
    Object.entries(one.query ?? {}).every(([name, value]) => agree(other.query?.[name] ?? value, value)) &&
    intersection({ ...one, headers: {}, query: {} }, { ...other, headers: {}, query: {} }) !== undefined
  )
}

function agree(one: string | true, other: string | true): boolean {
  return one === other || one === true || other === true
}

export function hasExpressions({ hosts, paths }: Requirements): boolean {
  return [...hosts, ...paths].some((each) => parseExpression(each) !== undefined)
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
  const narrower = narrowerExpression(one, other, (host) => !host.startsWith('*.'))
  if (narrower !== undefined) return narrower.text
  if (coversHost(one, other)) return other
  return coversHost(other, one) ? one : undefined
}

export function coversHost(one: string, other: string): boolean {
  return one === other || (one.startsWith('*.') && other.replace(/^\*/, '').endsWith(one.slice(1)))
}

/** Of two paths or prefixes, the one that the other covers. */
function narrowerPath(one: string, other: string): string | undefined {
  const narrower = narrowerExpression(one, other, (path) => !path.endsWith('/*'))
  if (narrower !== undefined) return narrower.text
  if (coversPath(one, other)) return other
  return coversPath(other, one) ? one : undefined
}

export function coversPath(one: string, other: string): boolean {
  return one === other || (one.endsWith('/*') && other.startsWith(one.slice(0, -1)))
}

/**
 * Of two of which one is a regular expression, what both match: undefined where neither is one, a text of undefined where nothing is.
 *
 * @throws InvalidValue where that cannot be told
 */
function narrowerExpression(
  one: string,
  other: string,
  isExact: (text: string) => boolean,
): { text: string | undefined } | undefined {
  if (one === other) return { text: one }
  const [expression, text] = parseExpression(one) === undefined ? [other, one] : [one, other]
  const pattern = parseExpression(expression)?.pattern
  if (pattern === undefined) return undefined
  if (parseExpression(text) === undefined && isExact(text))
    return { text: pattern.test(Buffer.from(text).toString('latin1')) ? text : undefined }
  if (text.endsWith('/*') && Buffer.from(pattern.beginning, 'latin1').toString().startsWith(text.slice(0, -1)))
    return { text: expression }
  throw new InvalidValue(
    `no && between ${text} and a regular expression`,
    `write what both match as one regular expression`,
  )
}
