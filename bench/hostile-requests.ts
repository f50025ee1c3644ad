/** A request whose head is large in one way, to cost a proxy as much CPU as possible. */
export interface HostileRequest {
  readonly name: string
  /** A complete GET request with a head of about `size` bytes, one character per byte. */
  of(size: number): string
}

/** An upper bound for the size of the other parts of a request. */
const REST = 200

/** Repeats `unit` up to the size. */
function fill(size: number, unit: string): string {
  return unit.repeat(Math.max(1, Math.floor((size - REST) / unit.length)))
}

function get(target: string, ...lines: string[]): string {
  const hasHost = lines.some((line) => line.startsWith('Host:'))
  return [`GET ${target} HTTP/1.1`, ...(hasHost ? [] : ['Host: bench.test']), ...lines, '', ''].join('\r\n')
}

function withField(name: string, unit: string, ...lines: string[]): HostileRequest['of'] {
  return (size) => get('/', `${name}: ${fill(size, unit)}`, ...lines)
}

/** The same size in as many fields as a head may have: 90 in a head of 31 kB, and proportionally fewer in a smaller one. */
function inFields(unit: string, name: (index: number) => string): HostileRequest['of'] {
  const value = unit.repeat(Math.floor(320 / unit.length))
  return (size) =>
    get('/', ...Array.from({ length: Math.floor((size - REST) / 342) }, (_, index) => `${name(index)}: ${value}`))
}

/** `count` fields, and a Connection field that repeats the list of their names. */
function namedFields(count: number): HostileRequest['of'] {
  const names = Array.from({ length: count }, (_, index) => `x${index.toString(36)}`)
  return (size) =>
    get('/', `Connection: ${fill(size - count * 8, `${names.join(',')},`)}`, ...names.map((name) => `${name}: 1`))
}

/** One for each part of a request that a client can make grow. */
export const hostileRequests: readonly HostileRequest[] = [
  { name: 'one large field', of: withField('X-Large', 'x') },
  { name: 'path of many segments', of: (size) => get(fill(size, '/a')) },
  { name: 'path of escaped letters', of: (size) => get(`/${fill(size, '%61')}`) },
  { name: 'path of dot segments', of: (size) => get(fill(size, '/a/%2e%2e')) },
  { name: 'path that climbs', of: (size) => get(fill(size, '/%2f%2e%2e')) },
  { name: 'path that descends, then climbs', of: (size) => get(fill(size / 5, '/a') + fill((size * 4) / 5, '/%2e.')) },
  { name: 'query of many parameters', of: (size) => get(`/?${fill(size, '&')}`) },
  { name: 'query of one name', of: (size) => get(`/?${fill(size, 'sid&')}`) },
  { name: 'query of escapes', of: (size) => get(`/?EIO=4&transport=polling&${fill(size, '%73%69%64&')}`) },
  { name: 'host of many labels', of: (size) => get('/', `Host: ${fill(size, 'a.')}a`) },
  { name: 'connection options', of: withField('Connection', 'a,') },
  { name: 'connection options that name fields', of: namedFields(75) },
  { name: 'connection options in many fields', of: inFields('a,', () => 'Connection') },
  { name: 'cookies', of: withField('Cookie', 'a;') },
  { name: 'cookies of the name', of: withField('Cookie', 'limpet_all=x;') },
  { name: 'cookies in many fields', of: inFields('a=1;', () => 'Cookie') },
  { name: 'forwarded addresses', of: withField('X-Forwarded-For', '127.0.0.1,') },
  { name: 'empty forwarded addresses', of: withField('X-Forwarded-For', ',') },
  { name: 'forwarded elements', of: withField('Forwarded', 'for=127.0.0.1,') },
  { name: 'upgrade protocols', of: (size) => get('/', 'Connection: upgrade', `Upgrade: ${fill(size, 'a,')}a`) },
  { name: 'content lengths', of: (size) => get('/', `Content-Length: ${fill(size, '0,')}0`) },
  { name: 'expectations', of: withField('Expect', 'a,') },
  { name: 'accepted types', of: withField('Accept', 'text/*;q=1,', 'Expect: x') },
  { name: 'accepted nothings', of: withField('Accept', ',', 'Expect: x') },
  { name: 'parameters of an accepted type', of: withField('Accept', ';q', 'Expect: x') },
  { name: 'many fields', of: inFields('x', (index) => `x-${index}`) },
  { name: 'quotes for the log', of: withField('User-Agent', '"') },
  {
    name: 'chunks of one byte',
    of: (size) => `${get('/', 'Transfer-Encoding: chunked')}${fill(size, '1\r\nx\r\n')}0\r\n\r\n`,
  },
  {
    name: 'chunk extensions',
    of: (size) => `${get('/', 'Transfer-Encoding: chunked')}${fill(size / 4, '1;a\r\nx\r\n')}0\r\n\r\n`,
  },
]
