import { expressionIn } from '../routing/expression.ts'
import { isParameter } from '../routing/path-form.ts'
import type { Route } from './route.ts'

/** Where a route stands among others. */
interface RoutePlace {
  /** `/app/* on www.example.org`. */
  readonly target: string
  /** The target, and how specific the route is otherwise: routes of different places are never mistaken for one another. */
  readonly place: string
}

/** One for each host and path. */
export function placesOf(route: Route): RoutePlace[] {
  const { hosts, paths, methods, priority } = route
  const rank = `${priority} ${conditionsIn(route)} ${methods.length > 0}`
  const on = hosts.length === 0 ? ['any host'] : hosts
  return on.flatMap((host) =>
    paths.map((path) => {
      return { target: `${path} on ${host}`, place: `${withoutNames(path)} on ${host} ${rank}` }
    }),
  )
}

/** How many conditions there are, as routing/conditions.ts counts them. */
function conditionsIn({ headers, query, cookies, listeners, clientCertificate }: Route): number {
  const byName = [headers, query, cookies, typeof clientCertificate === 'object' ? clientCertificate : {}]
  const others = Number(listeners.length > 0) + Number(typeof clientCertificate === 'boolean')
  return byName.reduce((sum, conditions) => sum + Object.keys(conditions).length, others)
}

/** Parameters of other names match the same paths. */
function withoutNames(path: string): string {
  if (expressionIn(path) !== undefined) return path
  return path
    .split('/')
    .map((segment) => (isParameter(segment) ? ':' : segment))
    .join('/')
}

/** Whether one request can match both routes. They must have a place in common. */
export function canMatchTogether(one: Route, other: Route): boolean {
  const listenersMeet =
    one.listeners.length === 0 ||
    other.listeners.length === 0 ||
    one.listeners.some((listener) => other.listeners.some((each) => String(each) === String(listener)))
  const methodsMeet =
    one.methods.length === 0 ||
    other.methods.length === 0 ||
    one.methods.some((method) => other.methods.includes(method))
  return (
    agree(one.headers, other.headers) &&
    agree(one.query, other.query) &&
    agree(one.cookies, other.cookies) &&
    certificatesAgree(one, other) &&
    listenersMeet &&
    methodsMeet
  )
}

type Values = Readonly<Record<string, string | true | undefined>>

/** Whether the same name has the same value in both, where both have it. */
function agree(one: Values, other: Values): boolean {
  return Object.entries(one).every(([name, value]) => {
    const others = other[name] ?? value
    return others === value || others === true || value === true
  })
}

function certificatesAgree({ clientCertificate: one }: Route, { clientCertificate: other }: Route): boolean {
  if (one === undefined || other === undefined) return true
  if (typeof one === 'object' && typeof other === 'object') return agree(one, other)
  return (one !== false) === (other !== false)
}
