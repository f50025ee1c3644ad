import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'

/** A DNS server that is asked. */
export interface ResolverAddress {
  /** IPv4 or IPv6, which may have a zone. */
  readonly host: string
  readonly port: number
}

/** Who is asked for names, and how. */
export interface ResolverSettings {
  /** Asked in this order. */
  readonly servers: readonly ResolverAddress[]
  /** Domains in which a name is looked for that has fewer than `ndots` dots. */
  readonly search: readonly string[]
  readonly ndots: number
  /** How long one answer may take, in ms. */
  readonly timeout: number
  /** How often each server is asked. */
  readonly tries: number
}

const RESOLV_CONF = '/etc/resolv.conf'
const PORT = 53
/** Of each kind, so that a file cannot make look-ups long. */
const MOST_ENTRIES = 16
const MOST_SECONDS = 30

/** Those of this machine (resolv.conf(5)), or with these servers in place of its own. */
export async function resolverSettings(
  servers?: readonly ResolverAddress[],
  path = RESOLV_CONF,
): Promise<ResolverSettings> {
  const own = parseResolvConf(await readFile(path, 'utf8').catch(() => ''))
  return servers === undefined ? own : { ...own, servers }
}

/** What a file like /etc/resolv.conf says, with defaults; what is not understood in it is passed over. */
export function parseResolvConf(text: string): ResolverSettings {
  const servers: ResolverAddress[] = []
  let search = domainOf(hostname())
  const options = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && isAddress(values[0])) servers.push({ host: values[0], port: PORT })
    // The last of these lines holds.
    if (keyword === 'search' || keyword === 'domain') search = values.map(withoutFinalDot).filter((name) => name !== '')
    if (keyword === 'options') for (const option of values) readOption(option, options)
  }
  return {
    servers: servers.length > 0 ? servers.slice(0, MOST_ENTRIES) : [{ host: '127.0.0.1', port: PORT }],
    search: search.slice(0, MOST_ENTRIES),
    ndots: bounded(options.get('ndots') ?? 1, 0, MOST_ENTRIES),
    timeout: bounded(options.get('timeout') ?? 2, 1, MOST_SECONDS) * 1000,
    tries: bounded(options.get('attempts') ?? 2, 1, MOST_ENTRIES),
  }
}

/** The names that are looked up for a name, in order (`search`, `ndots`). One that ends with a dot stands for itself alone. */
export function candidatesFor(name: string, { search, ndots }: ResolverSettings): readonly string[] {
  const whole = withoutFinalDot(name)
  if (whole !== name) return [whole]
  const within = search.map((domain) => `${name}.${domain}`)
  return name.split('.').length > ndots ? [name, ...within] : [...within, name]
}

export function formatResolver({ host, port }: ResolverAddress): string {
  if (port === PORT) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function domainOf(host: string): string[] {
  const [, ...labels] = host.split('.')
  return labels.length > 0 ? [labels.join('.')] : []
}

function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}

function isAddress(text: string | undefined): text is string {
  return text !== undefined && isIP(text.replace(/%.*/, '')) !== 0
}

function readOption(option: string, options: Map<string, number>): void {
  const [, name, value] = /^(\w+):(\d+)$/.exec(option) ?? []
  if (name !== undefined) options.set(name, Number(value))
}

function bounded(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
