/** Who the client of a request is: its address in logs, in forwarding fields and for policies, and who is believed about it. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { throughTo } from '../support/through.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** The raw client connects from 127.0.0.1. */
const TRUSTED = { trustedProxies: ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'] }
const BY_FORWARDED = { ...TRUSTED, clientAddressFrom: 'forwarded' }

/** What proxies say of a client, besides what Limpet writes itself. */
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

/** Sends requests on one connection, and tells of each who its client was taken for. */
async function observer(test: TestContext, settings: object): Promise<See> {
  const { limpet, origin, client } = await throughTo(test, { accessLog: 'json', ...settings })
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
  test('nobody is believed, and what they say of the client is continued or replaced', async (t) => {
    const see = await observer(t, {})
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

  test('what else is said of the client ends here', async (t) => {
    const see = await observer(t, {})
    const { fields } = await see(...CLAIMS, 'X_Forwarded_Port: 1', 'X_Real_IP: 6.6.6.6')
    assert.deepEqual(fields, {
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': 'own',
      'x-forwarded-host': 'shop.example',
    })
  })
})

test('who is not in a range of trusted proxies is not believed', async (t) => {
  const see = await observer(t, { trustedProxies: ['127.0.0.2', '126.0.0.0/8', '::/0'] })
  const { client, fields } = await see('X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https')
  assert.equal(client, '127.0.0.1')
  assert.equal(fields['x-forwarded-proto'], 'http')
})

describe('by X-Forwarded-For', () => {
  const cases: [name: string, values: string[], client: string][] = [
    ['the only address', ['192.0.2.1'], '192.0.2.1'],
    ['none: the proxy itself', [], '127.0.0.1'],
    ['nothing in it: the proxy itself', [''], '127.0.0.1'],
    ['the last address that is not trusted', ['203.0.113.9, 192.0.2.1, 10.1.2.3, 10.4.5.6'], '192.0.2.1'],
    ['a client that writes itself a past', ['10.0.0.1, 6.6.6.6, 192.0.2.1'], '192.0.2.1'],
    ['trusted addresses only: the first of them', ['10.0.0.1, 10.0.0.2'], '10.0.0.1'],
    ['several fields are one list', ['6.6.6.6', '192.0.2.1', '10.0.0.1, 10.0.0.2'], '192.0.2.1'],
    ['white space and empty members', [' ,192.0.2.1\t,, 10.0.0.1 , '], '192.0.2.1'],
    ['IPv6, in its one form', ['2001:DB8:0:0::0001'], '2001:db8::1'],
    ['IPv6 behind trusted IPv6', ['2001:db8::1, fd00::1'], '2001:db8::1'],
    ['IPv6 in brackets', ['[2001:db8::1]'], '2001:db8::1'],
    ['IPv4 mapped into IPv6, trusted as IPv4', ['192.0.2.1, ::ffff:10.0.0.1'], '192.0.2.1'],
    ['with ports', ['[2001:db8::1]:4711, 10.0.0.1:80'], '2001:db8::1'],
    ['what is no address hides what is left of it', ['192.0.2.1, unknown, 10.0.0.1'], '10.0.0.1'],
    ['no address next to the proxy', ['192.0.2.1, 10.0.0.300'], '127.0.0.1'],
    ['two addresses in one member', ['192.0.2.1 192.0.2.2'], '127.0.0.1'],
    ['a port that is none', ['192.0.2.1:65536'], '127.0.0.1'],
    ['a zone', ['fe80::1%" 200 1 "'], '127.0.0.1'],
    ['quotes', ['"192.0.2.1"'], '127.0.0.1'],
    ['the broadcast address', ['255.255.255.255'], '127.0.0.1'],
  ]

  test('the client is the last that no trusted proxy is', async (t) => {
    const see = await observer(t, TRUSTED)
    for (const [name, values, expected] of cases) {
      const { client, fields } = await see(...values.map((value) => `X-Forwarded-For: ${value}`))
      assert.equal(client, expected, name)
      const written = values.map((value) => value.trim()).filter((value) => value !== '')
      assert.equal(fields['x-forwarded-for'], [...written, '127.0.0.1'].join(', '), name)
    }
  })

  test('a chain that is longer than any address, or than any that is remembered, is read as well', async (t) => {
    const see = await observer(t, TRUSTED)
    const hops = Array.from({ length: 100 }, (_, n) => `10.0.0.${n}`).join(', ')
    for (const last of ['192.0.2.1', '192.0.2.2']) {
      assert.equal((await see(`X-Forwarded-For: 6.6.6.6, ${last}, ${hops}`)).client, last)
    }
    assert.equal((await see(`X-Forwarded-For: 192.0.2.1, ${'1'.repeat(1000)}`)).client, '127.0.0.1')
  })

  test('each request on a connection has its own client', async (t) => {
    const see = await observer(t, TRUSTED)
    for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.11', '192.0.2.1']) {
      assert.equal((await see(`X-Forwarded-For: ${address}`)).client, address)
    }
    assert.equal((await see()).client, '127.0.0.1')
    assert.equal((await see('X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 192.0.2.3')).client, '192.0.2.3')
    assert.equal((await see('X-Forwarded-For: 192.0.2.1')).client, '192.0.2.1')
  })

  test("Forwarded is nobody's word, and ends here", async (t) => {
    const see = await observer(t, TRUSTED)
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

  test('the scheme and the host that the client asked for are passed on', async (t) => {
    const see = await observer(t, TRUSTED)
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
    ['none, and no scheme: what is known here', ['X-Forwarded-For: 192.0.2.1'], 'own'],
    ['an empty one: what is known here', ['X-Forwarded-Port:'], 'own'],
    ['none: that of the scheme', ['X-Forwarded-Proto: https'], '443'],
    ['none: that of the other scheme', ['X-Forwarded-Proto: http'], '80'],
    ['none: that of the last scheme', ['X-Forwarded-Proto: http, https'], '443'],
    ['none: that of the host', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: www.example:8443'], '8443'],
    ['none: that of an IPv6 host', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: [::1]:8443'], '8443'],
    ['none: an IPv6 host has none', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: [::1]'], '443'],
    ['a port that is none', ['X-Forwarded-Proto: https', 'X-Forwarded-Host: www.example:99999'], '443'],
    ['a port without end', ['X-Forwarded-Proto: https', `X-Forwarded-Host: www.example:${'1'.repeat(400)}`], '443'],
  ]

  test('the port that the client asked for is passed on, or found out', async (t) => {
    const see = await observer(t, TRUSTED)
    for (const [name, lines, port] of ports) {
      const { fields } = await see(...lines)
      assert.equal(fields['x-forwarded-port'], port, name)
    }
  })

  test('what else the proxy says of the client passes', async (t) => {
    const see = await observer(t, TRUSTED)
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

  test('the client is the last that no trusted proxy is', async (t) => {
    const see = await observer(t, BY_FORWARDED)
    for (const [name, values, expected] of cases) {
      const { client, fields } = await see(...values.map((value) => `Forwarded: ${value}`))
      assert.equal(client, expected, name)
      const written = values.map((value) => value.trim()).filter((value) => value !== '')
      assert.equal(fields.forwarded, [...written, 'for=127.0.0.1'].join(', '), name)
    }
  })

  test("X-Forwarded fields are nobody's word, and are made of what is known", async (t) => {
    const see = await observer(t, BY_FORWARDED)
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

test('a thousand users behind one proxy are spread over the servers as by their own addresses', async (t) => {
  const origins = await Promise.all(
    ['a', 'b', 'c'].map((name) => httpOrigin(t, (_request, response) => response.end(`<${name}>`))),
  )
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 2,
    trustedProxies: ['127.0.0.1'],
    routes: [{ path: '/*', upstream: 'all' }],
    upstreams: { all: { balance: 'ip-hash', servers: origins.map(({ address }) => address) } },
  })
  const proxy = await RawClient.connect(t, limpet.port)
  const served = async (client: RawClient, field = '') => {
    client.say(`GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n`)
    return (await client.take(/<\w>/)).slice(-3)
  }
  const shares = new Map<string, number>()
  for (let user = 0; user < 1000; user++) {
    // Each in a /24 of its own, which is what ip-hash goes by; every tenth comes without the proxy, too.
    const address = `127.${user % 250}.${user >> 2}.${1 + (user % 200)}`
    const server = await served(proxy, `X-Forwarded-For: ${address}\r\n`)
    shares.set(server, (shares.get(server) ?? 0) + 1)
    if (user % 10 !== 0) continue
    const direct = await RawClient.connect(t, limpet.port, address)
    assert.equal(await served(direct), server, address)
    direct.socket.destroy()
  }
  assert.equal(shares.size, 3)
  for (const share of shares.values()) assert.ok(share > 250, [...shares].join('; '))
})

test('connections of a trusted proxy are not limited as those of one client', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    trustedProxies: ['127.0.0.7'],
    routes: [{ path: '/*', upstream: 'one' }],
    upstreams: { one: { servers: [origin.address] } },
    limits: { connectionsPerAddress: 2 },
  })
  const answer = async (from: string) => {
    const client = await RawClient.connect(t, limpet.port, from)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    return (await client.take(/\r\n\r\n/)).slice(9, 12)
  }
  for (let i = 0; i < 10; i++) assert.equal(await answer('127.0.0.7'), '200')
  for (const expected of ['200', '200', '503']) assert.equal(await answer('127.0.0.8'), expected)
})

test('a cookie is Secure where a trusted proxy says that the client came by HTTPS, and only there', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    trustedProxies: ['127.0.0.7'],
    routes: [{ path: '/*', upstream: 'one' }],
    upstreams: {
      one: { affinity: { type: 'cookie', name: 'stick', secrets: ['a secret for a test'] }, servers: [origin.address] },
    },
  })
  const cookie = async (from: string, scheme: string) => {
    const client = await RawClient.connect(t, limpet.port, from)
    client.say(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: ${scheme}\r\n\r\n`)
    return /\r\nSet-Cookie: (.*)\r\n/.exec(await client.take(/ok$/))![1]!
  }
  assert.match(await cookie('127.0.0.7', 'https'), /; Secure/)
  assert.doesNotMatch(await cookie('127.0.0.7', 'http'), /Secure/)
  assert.doesNotMatch(await cookie('127.0.0.8', 'https'), /Secure/)
})

test('HTTPS that a peer claims who is not trusted is reported once, with the way to trust it', async (t) => {
  const { limpet, origin, client } = await throughTo(t, { trustedProxies: ['127.0.0.7'] })
  const ask = async (asking: RawClient, ...lines: string[]) => {
    asking.say(['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n'))
    await origin.request()
    origin.say(OK)
    await asking.take(/ok$/)
  }
  const proxy = await RawClient.connect(t, limpet.port, '127.0.0.7')
  await ask(proxy, 'X-Forwarded-Proto: https')
  await ask(client, 'X-Forwarded-Proto: http')
  await ask(client, 'X-Forwarded-For: 192.0.2.1')
  await ask(client, 'X-Forwarded-Proto: https, http')
  for (const value of ['https', 'HTTPS', 'wss']) await ask(client, `X-Forwarded-Proto: ${value}`)
  const other = await RawClient.connect(t, limpet.port, '127.0.0.8')
  await ask(other, 'X-Forwarded-Proto: https')
  await limpet.errors.find(/X-Forwarded-Proto/)
  limpet.process.kill()
  await limpet.exit
  const lines = limpet.errors.all.filter((line) => line.includes('X-Forwarded-Proto'))
  assert.equal(lines.length, 1, lines.join('\n'))
  assert.match(
    lines[0]!,
    /WARN.*: X-Forwarded-Proto: https from 127\.0\.0\.1 is ignored, .*trustedProxies: \["127\.0\.0\.1"\]$/,
  )
})

test('a range that is everybody is warned of, and another is not', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    trustedProxies: ['128.0.0.0/1', '0.0.0.0/0', '::/0', '::1'],
    routes: [{ path: '/*', upstream: 'one' }],
    upstreams: { one: { servers: [origin.address] } },
  })
  const warnings = limpet.errors.all.filter((line) => line.includes('trustedProxies'))
  assert.equal(warnings.length, 2)
  assert.match(
    warnings[0]!,
    /WARN: trustedProxies: 0\.0\.0\.0\/0 is every IPv4 address, .*; list your own proxies only$/,
  )
  assert.match(warnings[1]!, /WARN: trustedProxies: ::\/0 is every IPv6 address, /)
})
