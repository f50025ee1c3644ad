import type { Listener, Snapshot } from '../runtime/snapshot.ts'
import type { Query } from './answers.ts'

/** How a request comes to Limpet. */
export interface Arrival {
  /** The request as its client writes it: the path alone. */
  readonly query: Query
  /** Undefined where nothing says by which it comes: it is then taken for one that serves. */
  readonly listener: Listener | undefined
}

const HTTP_PORT = 80
const HTTPS_PORT = 443

/**
 * By which listener a request comes, and whether by HTTPS: the one that it names, or that of the scheme and the port of its URL.
 *
 * @throws RangeError if it names a listener that there is not
 */
export function arrivalOf({ listeners }: Snapshot, query: Query): Arrival {
  const [, scheme, authority, path] = /^(https?):\/\/([^/?#]+)([/?][^#]*)?/i.exec(query.path) ?? []
  if (scheme === undefined || authority === undefined) return arrived(query, namedBy(listeners, query.listener))
  const isHttps = scheme.toLowerCase() === 'https'
  const port = Number(/:(\d+)$/.exec(authority)?.[1] ?? (isHttps ? HTTPS_PORT : HTTP_PORT))
  const target = path === undefined || path.startsWith('?') ? `/${path ?? ''}` : path
  const listener =
    namedBy(listeners, query.listener) ??
    listeners.find((each) => 'port' in each && each.port === port && (each.tls !== undefined) === isHttps)
  return arrived({ ...query, path: target, host: query.host ?? authority, secure: query.secure ?? isHttps }, listener)
}

function arrived(query: Query, listener: Listener | undefined): Arrival {
  return { query: listener?.tls === undefined ? query : { ...query, secure: true }, listener }
}

/** @throws RangeError for a name of none */
export function namedBy(listeners: readonly Listener[], name: string | undefined): Listener | undefined {
  if (name === undefined) return undefined
  const found = listeners.find((each) => name === nameOf(each) || ('port' in each && name === String(each.port)))
  if (found !== undefined) return found
  const names = listeners.map(nameOf).join(', ')
  throw new RangeError(`expected a listener (${names}) or the port of one, found ${JSON.stringify(name)}`)
}

/** `0.0.0.0:80`, `[::]:80`, `unix:/run/app.sock`. */
export function nameOf(listener: Listener): string {
  if ('path' in listener) return `unix:${listener.path}`
  const { address, port } = listener
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
