import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import type { Field } from './auth-client.ts'

/** Of the connection or of the body, or what would make the answer depend on what the client has already. */
const notAsked = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The fields by which a service is asked about a request: those of Traefik's ForwardAuth and, since the services know one or the
 * other, of nginx's auth_request as its users write it.
 *
 * @param wanted names in lower case; undefined for all
 */
export function questionAbout(request: FilteredRequest, wanted: ReadonlySet<string> | undefined): Field[] {
  const { method, originalHost: host, originalTarget, isSecure, clientAddress, id } = request
  const scheme = isSecure ? 'https' : 'http'
  const own: readonly Field[] = [
    ['X-Forwarded-Method', method],
    ['X-Forwarded-Proto', scheme],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Uri', originalTarget],
    ['X-Forwarded-For', clientAddress.text],
    ['X-Real-IP', clientAddress.text],
    ['X-Original-Method', method],
    ['X-Original-URL', `${scheme}://${host}${originalTarget}`],
    ['X-Original-URI', originalTarget],
    ['X-Request-Id', id],
  ]
  const { fields } = request
  const ofHop = namedByConnection(fields)
  const isAsked = (name: string) => {
    const key = name.toLowerCase().replaceAll('_', '-')
    if (notAsked.has(key) || ofHop.has(key) || own.some(([each]) => each.toLowerCase() === key)) return false
    // What a client claims of other proxies is not the service's to believe.
    return !key.startsWith('x-forwarded-') && key !== 'forwarded' && (wanted === undefined || wanted.has(key))
  }
  return [...fields.filter(([name]) => isAsked(name)), ...own]
}

/** RFC 9110 §7.6.1. */
export function namedByConnection(fields: readonly Field[]): ReadonlySet<string> {
  const options = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(','))
  return new Set(options.map((option) => option.trim().toLowerCase()))
}
