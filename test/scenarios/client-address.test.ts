/** The address of a request's client, in the log and in forwarding fields, and which proxies are believed about it. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What proxies report of a client, besides what Limpet writes itself. */
const CLAIMS = [
  'X-Forwarded-Port: 8443',
  'X-Forwarded-Prefix: /shop',
  'X-Forwarded-Server: edge',
  'X-Forwarded-Ssl: on',
  'X-Forwarded-Client-Cert: Hash=1',
  'X-Real-IP: 6.6.6.6',
]

interface Seen {
  /** As it stands in the log. */
  readonly client: string
  /** Lower-case name and value of the forwarding fields that the server got; for Limpet's own port it says `own`. */
  readonly fields: Readonly<Record<string, string>>
}

type See = (...lines: string[]) => Promise<Seen>

/** Sends requests on one connection from 127.0.0.1; each resolves to what the log and the server have of its client. */
async function observer(test: TestContext, config: (origin: ScriptedOrigin) => string): Promise<See> {
  const origin = await ScriptedOrigin.start(test)
  const limpet = await startLimpet(test, config(origin))
  const client = await RawClient.connect(test, limpet.port)
  let count = 0
  return async (...lines) => {
    client.say(['GET / HTTP/1.1', 'Host: shop.example', ...lines, '', ''].join('\r\n'))
    const head = await origin.request()
    origin.say(OK)
    await client.take(/ok$/)
    const logged = await limpet.log.matching(/^\{/, ++count)
    const fields = head
      .split('\r\n')
      .map((line): [string, string] => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 2)])
      .filter(([name]) => /forwarded|real/.test(name))
      .map(([name, value]) => [name, name === 'x-forwarded-port' && value === String(limpet.port) ? 'own' : value])
    assert.equal(new Set(fields.map(([name]) => name)).size, fields.length, `a field stands twice in ${head}`)
    return { client: JSON.parse(logged[count - 1]!).client, fields: Object.fromEntries(fields) }
  }
}

describe('without trusted proxies', () => {
  const config = (origin: ScriptedOrigin) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `

  test('no forwarding field is believed; each is continued or replaced', async (t) => {
    const see = await observer(t, config)
    assert.deepEqual(
      await see(
        'X-Forwarded-For: 192.0.2.1',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: evil.example',
        'Forwarded: for=192.0.2.1;proto=https;host=evil.example',
      ),
      {
        client: '127.0.0.1',
        fields: {
          'x-forwarded-for': '192.0.2.1, 127.0.0.1',
          'x-forwarded-proto': 'http',
          'x-forwarded-port': 'own',
          'x-forwarded-host': 'shop.example',
        },
      },
    )
  })

  test('other fields about the client are removed', async (t) => {
    const see = await observer(t, config)
    const { fields } = await see(...CLAIMS, 'X_Forwarded_Port: 1', 'X_Real_IP: 6.6.6.6')
    assert.deepEqual(fields, {
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': 'own',
      'x-forwarded-host': 'shop.example',
    })
  })
})

test('a peer outside the trusted ranges is not believed', async (t) => {
  const config = (origin: ScriptedOrigin) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    trustedProxies: [127.0.0.2, 126.0.0.0/8, "::/0"]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const see = await observer(t, config)
  const { client, fields } = await see('X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https')
  assert.equal(client, '127.0.0.1')
  assert.equal(fields['x-forwarded-proto'], 'http')
})

describe('by X-Forwarded-For', () => {
  const config = (origin: ScriptedOrigin) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    trustedProxies: [127.0.0.1, 10.0.0.0/8, "fd00::/8"]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `

  const cases: [name: string, values: string[], client: string][] = [
    ['the only address', ['192.0.2.1'], '192.0.2.1'],
    ['none: the proxy itself', [], '127.0.0.1'],
    ['nothing in it: the proxy itself', [''], '127.0.0.1'],
    ['the last address that is not trusted', ['203.0.113.9, 192.0.2.1, 10.1.2.3, 10.4.5.6'], '192.0.2.1'],
    ['a client that invents earlier hops', ['10.0.0.1, 6.6.6.6, 192.0.2.1'], '192.0.2.1'],
    ['trusted addresses only: the first of them', ['10.0.0.1, 10.0.0.2'], '10.0.0.1'],
    ['several fields are one list', ['6.6.6.6', '192.0.2.1', '10.0.0.1, 10.0.0.2'], '192.0.2.1'],
    ['white space and empty members', [' ,192.0.2.1\t,, 10.0.0.1 , '], '192.0.2.1'],
    ['IPv6, in its one form', ['2001:DB8:0:0::0001'], '2001:db8::1'],
    ['IPv6 behind trusted IPv6', ['2001:db8::1, fd00::1'], '2001:db8::1'],
    ['IPv6 in brackets', ['[2001:db8::1]'], '2001:db8::1'],
    ['IPv4 mapped into IPv6, trusted as IPv4', ['192.0.2.1, ::ffff:10.0.0.1'], '192.0.2.1'],
    ['with ports', ['[2001:db8::1]:4711, 10.0.0.1:80'], '2001:db8::1'],
    ['an invalid member hides those to its left', ['192.0.2.1, unknown, 10.0.0.1'], '10.0.0.1'],
    ['an invalid address next to the proxy', ['192.0.2.1, 10.0.0.300'], '127.0.0.1'],
    ['two addresses in one member', ['192.0.2.1 192.0.2.2'], '127.0.0.1'],
    ['an invalid port', ['192.0.2.1:65536'], '127.0.0.1'],
    ['a zone', ['fe80::1%" 200 1 "'], '127.0.0.1'],
    ['quotes', ['"192.0.2.1"'], '127.0.0.1'],
    ['the broadcast address', ['255.255.255.255'], '127.0.0.1'],
  ]

  test('the client is the last address that is not a trusted proxy', async (t) => {
    const see = await observer(t, config)
    for (const [name, values, expected] of cases) {
      const { client, fields } = await see(...values.map((value) => `X-Forwarded-For: ${value}`))
      assert.equal(client, expected, name)
      const written = values.map((value) => value.trim()).filter((value) => value !== '')
      assert.equal(fields['x-forwarded-for'], [...written, '127.0.0.1'].join(', '), name)
    }
  })

  test('a chain longer than those that are remembered is read as well', async (t) => {
    const see = await observer(t, config)
    const hops = Array.from({ length: 100 }, (_, n) => `10.0.0.${n}`).join(', ')
    for (const last of ['192.0.2.1', '192.0.2.2']) {
      assert.equal((await see(`X-Forwarded-For: 6.6.6.6, ${last}, ${hops}`)).client, last)
    }
    assert.equal((await see(`X-Forwarded-For: 192.0.2.1, ${'1'.repeat(1000)}`)).client, '127.0.0.1')
  })

  test('each request on a connection has its own client', async (t) => {
    const see = await observer(t, config)
    for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.11', '192.0.2.1']) {
      assert.equal((await see(`X-Forwarded-For: ${address}`)).client, address)
    }
    assert.equal((await see()).client, '127.0.0.1')
    assert.equal((await see('X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 192.0.2.3')).client, '192.0.2.3')
    assert.equal((await see('X-Forwarded-For: 192.0.2.1')).client, '192.0.2.1')
  })

  test('Forwarded is not believed, and is removed', async (t) => {
    const see = await observer(t, config)
    const forged = 'Forwarded: for=6.6.6.6;proto=https'
    assert.deepEqual(await see(forged, 'X-Forwarded-For: 192.0.2.1'), {
      client: '192.0.2.1',
      fields: {
        'x-forwarded-for': '192.0.2.1, 127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-port': 'own',
        'x-forwarded-host': 'shop.example',
      },
    })
    assert.equal((await see(forged)).client, '127.0.0.1')
  })

  test('the scheme and the host of the original request are passed on', async (t) => {
    const see = await observer(t, config)
    const { fields } = await see('X-Forwarded-Proto: https', 'X-Forwarded-Host: www.example')
    assert.equal(fields['x-forwarded-proto'], 'https')
    assert.equal(fields['x-forwarded-host'], 'www.example')
    const named = await see(
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: www.example',
      'Connection: x-forwarded-proto, x-forwarded-host, x-forwarded-for',
      'X-Forwarded-For: 192.0.2.1',
    )
    assert.deepEqual(named.fields, {
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-forwarded-host': 'www.example',
    })
  })

  const ports: [name: string, lines: string[], port: string][] = [
    ['as it came', ['X-Forwarded-Proto: https', 'X-Forwarded-Port: 8443'], '8443'],
    ['as it came, from several proxies', ['X-Forwarded-Port: 443, 8443', 'x-forwarded-port: 80'], '443, 8443, 80'],
    ['none, and no scheme: the port of the listener', ['X-Forwarded-For: 192.0.2.1'], 'own'],
    ['an empty one: the port of the listener', ['X-Forwarded-Port:'], 'own'],
    ['none: that of the scheme', ['X-Forwarded-Proto: https'], '443'],
    ['none: that of the other scheme', ['X-Forwarded-Proto: http'], '80'],
    ['none: that of the last scheme', ['X-Forwarded-Proto: http, https'], '443'],
    ['none: that of the host', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: www.example:8443'], '8443'],
    ['none: that of an IPv6 host', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: [::1]:8443'], '8443'],
    ['none: an IPv6 host has none', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: [::1]'], '443'],
    ['an invalid port', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: www.example:99999'], '443'],
    ['a port of 400 digits', ['X-Forwarded-Proto: https', `X-Forwarded-Host: www.example:${'1'.repeat(400)}`], '443'],
  ]

  test('the port of the original request is passed on, or derived', async (t) => {
    const see = await observer(t, config)
    for (const [name, lines, port] of ports) {
      const { fields } = await see(...lines)
      assert.equal(fields['x-forwarded-port'], port, name)
    }
  })

  test('other fields about the client are passed on', async (t) => {
    const see = await observer(t, config)
    const { fields } = await see(...CLAIMS, 'X_Real_IP: 6.6.6.6', 'X_Forwarded_Prefix: /forged')
    assert.deepEqual(fields, {
      'x-forwarded-prefix': '/shop',
      'x-forwarded-server': 'edge',
      'x-forwarded-ssl': 'on',
      'x-forwarded-client-cert': 'Hash=1',
      'x-real-ip': '6.6.6.6',
      'x-forwarded-port': '8443',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.example',
    })
  })
})

describe('by Forwarded', () => {
  const config = (origin: ScriptedOrigin) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    trustedProxies: [127.0.0.1, 10.0.0.0/8, "fd00::/8"]
    clientAddressFrom: forwarded
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `

  const cases: [name: string, values: string[], client: string][] = [
    ['the only address', ['for=192.0.2.1'], '192.0.2.1'],
    ['among other parameters, in any case', ['By=10.0.0.9;FOR=192.0.2.1;proto=http'], '192.0.2.1'],
    ['the last address that is not trusted', ['for=6.6.6.6, for=192.0.2.1, for=10.0.0.1'], '192.0.2.1'],
    ['several fields are one list', ['for=6.6.6.6', 'for=192.0.2.1', 'for="10.0.0.1:80"'], '192.0.2.1'],
    ['IPv6, quoted', ['for="[2001:db8::1]", for="[fd00::1]:80"'], '2001:db8::1'],
    ['IPv6, not quoted', ['for=[2001:db8::1]:4711'], '2001:db8::1'],
    ['an obfuscated port', ['for="192.0.2.1:_port"'], '192.0.2.1'],
    ['unknown', ['for=192.0.2.1, for=unknown'], '127.0.0.1'],
    ['an obfuscated identifier', ['for=192.0.2.1, for=_hidden, for=10.0.0.1'], '10.0.0.1'],
    ['an element without for', ['for=192.0.2.1, proto=https'], '127.0.0.1'],
    ['for, twice', ['for=192.0.2.1;for=6.6.6.6'], '127.0.0.1'],
    ['commas and semicolons in quotes', ['for=192.0.2.1;by="a, for=6.6.6.6; \\", for=6.6.6.6"'], '192.0.2.1'],
    ['a quote that a client never closed', ['for=6.6.6.6;by=", for=192.0.2.1'], '192.0.2.1'],
    ['a quote that a client never closed, before quotes', ['for=6.6.6.6, for=", for="[2001:db8::1]"'], '2001:db8::1'],
    ['a backslash that a client left behind', ['for=6.6.6.6;by="\\, for=192.0.2.1'], '192.0.2.1'],
    ['not an element', ['for=192.0.2.1, for 192.0.2.1'], '127.0.0.1'],
    ['no value', ['for='], '127.0.0.1'],
    ['nothing', [''], '127.0.0.1'],
    ['empty elements', ['for=192.0.2.1;, , '], '192.0.2.1'],
  ]

  test('the client is the last address that is not a trusted proxy', async (t) => {
    const see = await observer(t, config)
    for (const [name, values, expected] of cases) {
      const { client, fields } = await see(...values.map((value) => `Forwarded: ${value}`))
      assert.equal(client, expected, name)
      const written = values.map((value) => value.trim()).filter((value) => value !== '')
      assert.equal(fields.forwarded, [...written, 'for=127.0.0.1'].join(', '), name)
    }
  })

  test('X-Forwarded fields are not believed, and are made from Forwarded', async (t) => {
    const see = await observer(t, config)
    assert.deepEqual(
      await see(
        'X-Forwarded-For: 6.6.6.6',
        'X-Forwarded-Proto: http',
        'X-Forwarded-Host: evil.example',
        'Forwarded: for=192.0.2.1;proto=https',
      ),
      {
        client: '192.0.2.1',
        fields: {
          forwarded: 'for=192.0.2.1;proto=https, for=127.0.0.1',
          'x-forwarded-for': '192.0.2.1, 127.0.0.1',
          'x-forwarded-proto': 'https',
          'x-forwarded-port': '443',
          'x-forwarded-host': 'shop.example',
        },
      },
    )
    assert.deepEqual((await see(...CLAIMS, 'Forwarded: for=192.0.2.1')).fields, {
      forwarded: 'for=192.0.2.1, for=127.0.0.1',
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': 'own',
      'x-forwarded-host': 'shop.example',
    })
    const { client, fields } = await see('X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: https')
    assert.equal(client, '127.0.0.1')
    assert.equal(fields['x-forwarded-for'], '127.0.0.1')
    assert.equal(fields['x-forwarded-proto'], 'http')
  })
})
