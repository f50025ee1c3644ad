import { Admin, isLoopback } from './admin.ts'
import { asMapping } from './as-written.ts'
import { shown } from './error.ts'
import type { Listener } from './listener.ts'
import { Metrics } from './metrics.ts'
import { formatPlace, overlap } from './place.ts'
import { formatUnixSocket, isUnixSocket } from './unix-socket.ts'
import type { Valid } from './valid-part.ts'
import type { Issue } from './validate.ts'

/** What contradicts itself of the admin API and the place of metrics. */
export function adminContradictions(
  { admin, metrics, listeners: written }: Readonly<Record<string, unknown>>,
  listeners: readonly Valid<Listener>[],
): Issue[] {
  return [
    ...adminOnListener(admin, written, listeners),
    ...adminWithoutTokens(asMapping(admin)),
    ...metricsOnAnother(metrics, admin, written, listeners),
  ]
}

/** On a shared address, clients would reach either the proxy or the admin API, or the admin API could not start. */
function adminOnListener(admin: unknown, written: unknown, listeners: readonly Valid<Listener>[]): Issue[] {
  const place = Admin.safeParse(admin).data
  if (place === undefined || place === 'off') return []
  if ('socket' in place) return adminOnSocketOfListener(place.socket, listeners)
  const taken = listeners.find(({ part }) => 'port' in part && overlap(part, place))
  if (taken === undefined || !('port' in taken.part)) return []
  const isMapping = typeof admin === 'object'
  return [
    {
      path: isMapping ? ['admin', 'port'] : ['admin'],
      message: `expected a port that no listener uses, found ${place.port}, the port of listener ${formatPlace(taken.part)}`,
      hint: isMapping ? undefined : `write admin: { port: ${place.port + 1} }`,
      ...(written !== undefined && { see: ['listeners', taken.index] }),
    },
  ]
}

/** On a shared address, metrics could not be served. */
function metricsOnAnother(
  metrics: unknown,
  admin: unknown,
  written: unknown,
  listeners: readonly Valid<Listener>[],
): Issue[] {
  const place = metrics === undefined ? undefined : Metrics.safeParse(metrics).data
  if (place === undefined) return []
  const api = admin === undefined ? undefined : Admin.safeParse(admin).data
  const expected = (what: string, holder: string) =>
    `expected a port that ${what}, found ${place.port}, the port of ${holder}`
  const taken = listeners.find(({ part }) => 'port' in part && overlap(part, place))
  if (taken !== undefined && 'port' in taken.part) {
    const message = expected('no listener uses', `listener ${formatPlace(taken.part)}`)
    return [{ path: ['metrics', 'port'], message, ...(written !== undefined && { see: ['listeners', taken.index] }) }]
  }
  if (api === undefined || api === 'off' || !('port' in api) || !overlap(api, place)) return []
  const message = expected('the admin API does not use', `the admin API ${formatPlace(api)}`)
  return [
    { path: ['metrics', 'port'], message, hint: 'the admin API has the metrics, too, at /metrics', see: ['admin'] },
  ]
}

/** Without tokens everyone who reaches the address could read what serves. */
function adminWithoutTokens({ address, tokens }: Readonly<Record<string, unknown>>): Issue[] {
  if (typeof address !== 'string' || tokens !== undefined || isLoopback(address) || isUnixSocket(address)) return []
  const message = `expected a loopback address, because there are no tokens, found ${shown(address)}`
  return [{ path: ['admin', 'address'], message, hint: 'write 127.0.0.1, or add tokens' }]
}

function adminOnSocketOfListener(socket: string, listeners: readonly Valid<Listener>[]): Issue[] {
  const taken = listeners.find(({ part }) => 'path' in part && part.path === socket)
  if (taken === undefined) return []
  const message = `expected a socket that no listener uses, found ${formatUnixSocket(socket)}`
  return [{ path: ['admin', 'socket'], message, see: ['listeners', taken.index] }]
}
