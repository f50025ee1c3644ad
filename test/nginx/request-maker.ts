/** A request of the differential test. */
export interface TestRequest {
  /** The client's address, from 127.0.0.0/8. */
  readonly from: string
  readonly method: string
  readonly target: string
  /** Name, value, name, value… */
  readonly headers: readonly string[]
  readonly body: string
}

/** The parts from which requests to a configuration are made. */
export interface Vocabulary {
  /** Paths that match its routes, or almost match. */
  readonly paths: readonly string[]
  readonly hosts: readonly string[]
}

/** Makes unusual requests of every kind that a client may send. The same seed gives the same requests. */
export class RequestMaker {
  readonly #vocabulary: Vocabulary
  #state: number

  constructor(vocabulary: Vocabulary, seed: number) {
    this.#vocabulary = vocabulary
    this.#state = seed
  }

  next(): TestRequest {
    const method = this.#one(['GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'])
    const body = ['POST', 'PUT', 'PATCH'].includes(method) ? this.#one(['', 'name=value', 'x'.repeat(3000)]) : ''
    const host = this.#host()
    const path = this.#path() + this.#query()
    // nginx accepts fewer characters in the host of an absolute target than in Host: docs/nginx.md.
    const authority = path.startsWith('/') && this.#chance(0.05) ? this.#host().replace('_', '-') : undefined
    const scheme = this.#one(['http', 'HTTP', 'https'])
    return {
      from: `127.${this.#below(256)}.${this.#below(256)}.${1 + this.#below(254)}`,
      method,
      target: authority === undefined ? path : `${scheme}://${authority}${path}`,
      headers: ['Host', host, ...this.#fields(), ...(body === '' ? [] : ['Content-Length', String(body.length)])],
      body,
    }
  }

  #path(): string {
    const path = this.#chance(0.6) ? this.#one(this.#vocabulary.paths) : this.#segments()
    return this.#chance(0.5) ? path : this.#disguised(path)
  }

  #segments(): string {
    return `/${Array.from({ length: this.#below(6) }, () => this.#one(segments)).join('/')}`
  }

  /** Another notation of the same path, or almost. */
  #disguised(path: string): string {
    const at = this.#below(path.length)
    const encoded = (character: string) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`
    const slash = path.indexOf('/', at)
    const insert = (text: string) => (slash < 0 ? `${path}${text}` : path.slice(0, slash) + text + path.slice(slash))
    switch (this.#below(7)) {
      case 0:
        return path.slice(0, at) + encoded(path[at]!) + path.slice(at + 1)
      case 1:
        return at === 0 ? path : path.slice(0, at) + encoded(path[at]!).toUpperCase() + path.slice(at + 1)
      case 2:
        return insert('/')
      case 3:
        return insert('/.')
      case 4:
        return insert('/x/..')
      case 5:
        return insert('/..')
      default:
        return path + this.#one(['/', '/.', '/..', '%', '%4', '%zz', '%00', '%2F', '%2e', '.', '/...', '%252e'])
    }
  }

  #query(): string {
    return this.#one(['', '', '', '?', '?a=b', '?a=/../x', '?%2e%2e', '??', '?a=%00', '?q=a//b&c=%zz'])
  }

  #host(): string {
    const host = this.#one([...this.#vocabulary.hosts, ...strangers])
    const cased = this.#chance(0.5)
      ? host
      : host.replace(/[a-z]/g, (letter) => (this.#chance(0.5) ? letter.toUpperCase() : letter))
    return cased + this.#one(['', '', '', ':80', ':8080', ...(/\d$|]$/.test(host) ? [] : ['.', '.:80'])])
  }

  #fields(): string[] {
    return fields.flatMap(([name, values]) => (this.#chance(0.2) ? [name, this.#one(values)] : []))
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)]!
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  /** mulberry32 */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const segments = [
  ...['a', 'B', 'api', 'student', 'app', '', '', '.', '..', '...', '.a', 'a.', '..a', '~', 'a;b=c', '@', ':', '*', '+'],
  ...['%41', '%2e', '%2E%2e', '.%2e', '%2F', 'a%2fb', '%2f..', 'x%20y', '%25', '%252f', '%3F', '%23', '%3f%2e', '%5c'],
  ...['%C3%A9', '%ff', '%7f', '%0a', '%09', '%2B', "'", '"', '<>', '{}', '|', '^', '`', '\\', '..\\'],
]

const strangers = ['localhost', '127.0.0.1', '[::1]', 'a.b.c.example.net', 'x_y', 'xn--bcher-kva.example']

const chains = [
  '192.0.2.1',
  '192.0.2.1, 198.51.100.2',
  '192.0.2.200,198.51.100.2:80 , 198.51.100.3',
  '2001:db8::1, 198.51.100.2',
  '[2001:db8::2]:443',
  '192.0.2.1, unknown, 198.51.100.2',
]

const fields: readonly (readonly [string, readonly string[]])[] = [
  ['X-Forwarded-For', [...chains, 'unknown', '"']],
  ['X-Forwarded-For', ['203.0.113.7', '203.0.113.7:4711', '_hidden']],
  ['X-Forwarded-Proto', ['https', 'http', 'HTTPS', 'http, https', 'wss']],
  ['Forwarded', ['for=192.0.2.1;proto=https;host=evil.example']],
  ['X-Forwarded-Host', ['evil.example', 'evil.example:8443', '[::1]', '[::1]:81']],
  ['X-Forwarded-Port', ['8443', '443']],
  ['X-Forwarded-Prefix', ['/shop']],
  ['X-Forwarded-Client-Cert', ['Hash=1']],
  ['x-real-ip', ['203.0.113.9']],
  ['x-request-id', ['abc-123', 'a'.repeat(128), 'a'.repeat(129), 'two words', '', 'é']],
  ['X-Beta', ['1', '2', 'yes', '11']],
  ['X-Kind', ['Gold', 'gold', 'a.b', 'axb']],
  ['Connection', ['keep-alive', 'close', 'upgrade', 'Upgrade', 'keep-alive, Upgrade', 'close ,upgrade, keep-alive']],
  ['Keep-Alive', ['timeout=5']],
  ['Proxy-Connection', ['keep-alive']],
  ['TE', ['trailers']],
  ['Trailer', ['X-Sum']],
  ['Upgrade', ['websocket', 'a/1, b', 'h2c', 'websocket, H2C', 'TLS/1.3', ',', '']],
  ['Cookie', ['a=b; c="d"', 'e=f']],
  ['Authorization', ['Basic dXNlcjpwYXNz']],
  ['under_scored', ['kept']],
  ['odd!name', ['kept']],
  ['Accept', ['*/*', 'text/html;q=0.5, application/json']],
  ['If-Modified-Since', ['Thu, 01 Jan 1970 00:00:00 GMT']],
  ['Range', ['bytes=0-1']],
  ['User-Agent', ['a "quoted" agent\\', 'ünï']],
  ['Referer', ['http://example.org/?a"b']],
]
