import { InvalidValue } from '../../../config/error.ts'
import type { Container } from '../container.ts'
import type { Label, LabelMistakes } from '../label-mistakes.ts'
import { labelPrefix } from './keys.ts'
import { variable } from './virtual-hosts.ts'

type Settings = Readonly<Record<string, unknown>>

/** nginx does not verify certificates of servers, and they are rarely valid for the address of a container. */
const protocols: ReadonlyMap<string, Settings> = new Map<string, Settings>([
  ['http', {}],
  ['https', { tls: { verify: false } }],
  ['grpc', { protocol: 'h2c' }],
  ['grpcs', { tls: { verify: false }, protocol: 'h2' }],
])

/** The settings of the upstream; undefined where its route must not be served, which is reported. */
export function settingsOf(container: Container, mistakes: LabelMistakes): Settings | undefined {
  const protocol = variable(container, 'VIRTUAL_PROTO')
  const spoken = protocol === undefined ? {} : mistakes.attempt(protocol, parseProtocol)
  const balance = labelled(container, 'loadbalance')
  const keepAlive = labelled(container, 'keepalive')
  if (spoken === undefined || isRestricted(container, mistakes)) return undefined
  return {
    ...(balance && mistakes.attempt(balance, parseBalance)),
    ...spoken,
    ...(keepAlive && mistakes.attempt(keepAlive, parseKeepAlive)),
  }
}

/** Whether nginx-proxy would let in some clients only. */
function isRestricted(container: Container, mistakes: LabelMistakes): boolean {
  const access = variable(container, 'NETWORK_ACCESS')
  const isUnknown = access !== undefined && mistakes.attempt(access, parseAccess) === undefined
  const certificates = labelled(container, 'ssl_verify_client')
  const isVerified = certificates !== undefined && certificates.value.trim() === 'on'
  if (isVerified)
    mistakes.add(
      certificates,
      'is not supported: the route is not served, because it would be open to everybody',
      'write tls.clientCertificates at the listener, and leave out this label',
    )
  return isUnknown || isVerified
}

/** The networks that nginx-proxy takes for internal ones. */
const internal = ['127.0.0.0/8', '10.0.0.0/8', '192.168.0.0/16', '172.16.0.0/12']

function parseAccess(text: string): 'external' | 'internal' {
  if (text === 'external' || text === 'internal') return text
  throw new InvalidValue('external or internal', 'the route is not served, because it would be open to everybody')
}

/** The filters that restrict who may use what a container serves. */
export function restrictionsOf(container: Container): readonly Settings[] {
  return variable(container, 'NETWORK_ACCESS')?.value.trim() === 'internal' ? [{ allow: internal }] : []
}

function labelled(container: Container, name: string): Label | undefined {
  const label = `${labelPrefix}${name}`
  const value = container.labels[label]
  return value === undefined ? undefined : { container, label, value }
}

function parseProtocol(text: string): Settings {
  const settings = protocols.get(text.toLowerCase())
  if (settings === undefined)
    throw new InvalidValue('http, https, grpc or grpcs', 'the route is not served: Limpet speaks HTTP to servers')
  return settings
}

/** A directive of nginx, with its semicolon. */
function parseBalance(text: string): Settings {
  const directive = text.replace(/\s*;\s*$/, '').replaceAll(/\s+/g, ' ')
  if (directive === 'ip_hash') return { balance: 'ip-hash' }
  if (directive === 'least_conn') return { balance: 'least-connections' }
  if (/^random two(?: least_conn)?$/.test(directive)) return { balance: 'random-two' }
  const [, variable, consistent] = /^hash \$(\w+)( consistent)?$/.exec(directive) ?? []
  const key = keyOf(variable)
  if (key !== undefined) return { balance: { type: consistent === undefined ? 'hash' : 'consistent-hash', key } }
  throw new InvalidValue('ip_hash, least_conn, random two, or hash with one variable, such as hash $remote_addr')
}

function keyOf(variable = ''): string | undefined {
  const [, kind, name = ''] = /^(http|cookie|arg)_(\w+)$/.exec(variable) ?? []
  if (kind === 'http') return `header:${name.replaceAll('_', '-')}`
  if (kind !== undefined) return `${kind === 'arg' ? 'query' : 'cookie'}:${name}`
  return new Map([
    ['remote_addr', 'address'],
    ['binary_remote_addr', 'address'],
    ['request_uri', 'uri'],
    ['uri', 'path'],
  ]).get(variable)
}

function parseKeepAlive(text: string): Settings {
  if (text === 'auto') return {}
  if (text === 'disabled') return { keepAlive: { connections: 0 } }
  const connections = Number(text)
  if (!/^\d{1,5}$/.test(text) || connections > 65_535)
    throw new InvalidValue('auto, disabled, or a number of connections')
  return { keepAlive: { connections } }
}
