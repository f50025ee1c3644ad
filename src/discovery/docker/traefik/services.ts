import { formatAddress, parseAddress } from '../../../config/address.ts'
import { InvalidValue } from '../../../config/error.ts'
import type { DescribedServer } from '../container.ts'
import { LabelMistakes } from '../label-mistakes.ts'
import type { Fields } from './fields.ts'
import type { ContainerLabels } from './labels.ts'
import { parseChoice, parseGoDuration, parsePort, parseSwitch, parseWhole } from './values.ts'

type Settings = Record<string, unknown>

const schemes = ['http', 'https', 'h2c'] as const

const balances = {
  wrr: 'round-robin',
  p2c: 'random-two',
  hrw: { type: 'consistent-hash', key: 'address' },
  leasttime: 'least-time',
} as const

/** The settings of the upstream that a service of Traefik is. */
export function upstreamOf(fields: Fields, mistakes: LabelMistakes): Settings {
  const read = reader(fields, mistakes)
  const scheme =
    read('loadbalancer.server.scheme', (text) => parseChoice(text, schemes)) ?? urlOf(fields, mistakes)?.scheme
  const balance = read(
    'loadbalancer.strategy',
    (text) => balances[parseChoice(text, ['wrr', 'p2c', 'hrw', 'leasttime'])],
  )
  const affinity = cookieOf(fields, mistakes)
  const check = checkOf(fields, mistakes)
  const passHost = fields.get('loadbalancer.passhostheader')
  if (passHost !== undefined && mistakes.attempt(passHost, parseSwitch) === false)
    mistakes.add(passHost, 'is not supported: servers get the Host of the client', 'let the server accept that Host')
  return {
    ...(balance !== undefined && { balance }),
    ...(affinity !== undefined && { affinity }),
    ...(scheme === 'https' && { tls: true, protocol: 'auto' }),
    ...(scheme === 'h2c' && { protocol: 'h2c' }),
    ...(check !== undefined && { health: { check } }),
  }
}

/** The container as a server of a service, by its own labels; undefined if its port is not known, which is reported. */
export function serverOf(labels: ContainerLabels, name: string, mistakes: LabelMistakes): DescribedServer | undefined {
  const { container, network, services } = labels
  const fields = services.get(name)
  const read = fields === undefined ? none : readBefore(fields)
  mistakes.include(read.mistakes)
  const port = read.isPortWritten ? read.port : container.ports[0]
  if (port !== undefined)
    return {
      container,
      port,
      ...optional('network', network),
      ...optional('address', read.address),
      settings: read.settings,
    }
  if (!read.isPortWritten)
    mistakes.addOf(
      container,
      'expected a port of the server, and the container exposes none',
      `write the label traefik.http.services.${name}.loadbalancer.server.port`,
    )
  return undefined
}

/** What labels say of one server, and what is wrong with them. */
interface ServerLabels {
  readonly settings: Settings
  readonly address?: string
  readonly port?: number
  readonly isPortWritten: boolean
  readonly mistakes: LabelMistakes
}

const none: ServerLabels = { settings: {}, isPortWritten: false, mistakes: new LabelMistakes() }
const serversBefore = new WeakMap<Fields, ServerLabels>()

function readBefore(fields: Fields): ServerLabels {
  const read = serversBefore.get(fields) ?? readServer(fields)
  serversBefore.set(fields, read)
  return read
}

function readServer(fields: Fields): ServerLabels {
  const mistakes = new LabelMistakes()
  const read = reader(fields, mistakes)
  const url = urlOf(fields, mistakes)
  const port = url?.port ?? read('loadbalancer.server.port', parsePort)
  return {
    settings: {
      ...optional(
        'weight',
        read('loadbalancer.server.weight', (text) => parseWhole(text, 1, 65_535)),
      ),
      ...optional(
        'maxFails',
        read('loadbalancer.passivehealthcheck.maxfailedattempts', (text) => parseWhole(text, 0, 65_535)),
      ),
      ...optional('failTimeout', read('loadbalancer.passivehealthcheck.failurewindow', parseGoDuration)),
    },
    ...optional('address', url?.address),
    ...optional('port', port),
    isPortWritten: url !== undefined || fields.has('loadbalancer.server.port'),
    mistakes,
  }
}

interface ServerUrl {
  readonly scheme: (typeof schemes)[number]
  readonly address: string
  readonly port: number
}

function urlOf(fields: Fields, mistakes: LabelMistakes): ServerUrl | undefined {
  return reader(fields, mistakes)('loadbalancer.server.url', (text) => {
    const [, scheme = '', authority = ''] = /^(\w+):\/\/([^/?#@]+)\/?$/.exec(text) ?? []
    if (!schemes.some((known) => known === scheme)) throw new InvalidValue('a URL such as http://10.0.0.7:8080')
    const hasPort = /:\d+$/.test(authority)
    const endpoint = parseAddress(hasPort ? authority : `${authority}:${scheme === 'https' ? 443 : 80}`)
    if (!('port' in endpoint)) throw new InvalidValue('a URL such as http://10.0.0.7:8080')
    return { scheme: scheme as ServerUrl['scheme'], address: formatAddress(endpoint), port: endpoint.port }
  })
}

function cookieOf(fields: Fields, mistakes: LabelMistakes): Settings | undefined {
  const sticky = [...fields].filter(([key]) => /^loadbalancer\.sticky(?:\.|$)/.test(key))
  const switches = sticky.filter(([key]) => /^loadbalancer\.sticky(?:\.cookie)?$/.test(key))
  if (sticky.length === 0 || switches.some(([, label]) => mistakes.attempt(label, parseSwitch) === false))
    return undefined
  const read = reader(fields, mistakes, 'loadbalancer.sticky.cookie.')
  const maxAge = read('maxage', (text) => parseWhole(text, 0, 999_999_999))
  return {
    type: 'cookie',
    ...optional('name', read('name', String)),
    ...(read('secure', parseSwitch) === true && { secure: 'always' }),
    ...optional('httpOnly', read('httponly', parseSwitch)),
    ...optional(
      'sameSite',
      read('samesite', (text) => parseChoice(text, ['none', 'lax', 'strict'])),
    ),
    ...(maxAge !== undefined && maxAge > 0 && { maxAge: `${maxAge}s`, persistent: true }),
    ...optional('path', read('path', String)),
    ...optional('domain', read('domain', String)),
  }
}

/** Traefik asks every 30 s, and believes the first answer. */
function checkOf(fields: Fields, mistakes: LabelMistakes): Settings | undefined {
  const prefix = 'loadbalancer.healthcheck.'
  const read = reader(fields, mistakes, prefix)
  const written = [...fields].find(([key]) => key.startsWith(prefix))
  if (written === undefined) return undefined
  const type = read('mode', (text) => parseChoice(text, ['http', 'grpc'])) ?? 'http'
  const path = read('path', String)
  if (type === 'http' && path === undefined) {
    const hint = `write ${written[1].label.replace(/[^.]*$/, 'path')}`
    mistakes.add(written[1], 'is not used, because a check needs a path', hint)
    return undefined
  }
  const scheme = read('scheme', (text) => parseChoice(text, ['http', 'https']))
  const headers = headersOf(fields, prefix, read('hostname', String))
  return {
    type,
    ...(type === 'http' && { path }),
    interval: read('interval', parseGoDuration) ?? '30s',
    timeout: read('timeout', parseGoDuration) ?? '5s',
    rise: 1,
    fall: 1,
    ...optional('port', read('port', parsePort)),
    ...(scheme !== undefined && { tls: scheme === 'https' }),
    ...optional('method', type === 'http' ? read('method', (text) => text.toUpperCase()) : undefined),
    ...optional('status', type === 'http' ? read('status', (text) => String(parseWhole(text, 100, 599))) : undefined),
    ...(Object.keys(headers).length > 0 && { headers }),
  }
}

function headersOf(fields: Fields, prefix: string, host: string | undefined): Record<string, string> {
  const start = `${prefix}headers.`
  const written = [...fields].filter(([key]) => key.startsWith(start))
  const headers = written.map(([key, { value }]) => [key.slice(start.length), value.trim()])
  return { ...(host !== undefined && { host }), ...Object.fromEntries(headers) }
}

/** Reads fields that may be missing; undefined, too, if the value is not valid, which is reported. */
function reader(fields: Fields, mistakes: LabelMistakes, prefix = '') {
  return <Value>(key: string, parse: (text: string) => Value): Value | undefined => {
    const label = fields.get(prefix + key)
    return label && mistakes.attempt(label, parse)
  }
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [key in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [key in Key]?: Value })
}
