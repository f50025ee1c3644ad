/** `from: dns`, against a real DNS server. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import packet from 'dns-packet'
import { z } from 'zod'
import { DnsSource } from '../../src/config/sources/dns.ts'
import { AddressLookup } from '../../src/discovery/dns/address-lookup.ts'
import { holdFor } from '../../src/discovery/dns/hold.ts'
import type { Family } from '../../src/discovery/dns/known-here.ts'
import { decodeAnswer } from '../../src/discovery/dns/message.ts'
import { Resolver } from '../../src/discovery/dns/resolver.ts'
import { candidatesFor, parseResolvConf } from '../../src/discovery/dns/resolver-settings.ts'
import { dnsProvider } from '../../src/discovery/dns.ts'
import type { ServerList } from '../../src/discovery/provider.ts'
import { HostsFile } from '../../src/runtime/hosts-file.ts'
import { freeDnsPort } from '../support/dns-sockets.ts'
import { answerTo, standInForDns } from '../support/dns-stand-in.ts'
import { Dnsmasq, withoutDnsmasq } from '../support/dnsmasq.ts'
import { temporaryFolder } from '../support/folder.ts'
import fc from '../support/property.ts'

const NO_HOSTS = new HostsFile('/dev/null')

/** The lists of a source, which is watched until the test ends. */
function watch(test: TestContext, settings: Record<string, unknown>, hosts = NO_HOSTS) {
  const source = z.decode(DnsSource, { from: 'dns', ttl: { least: '100ms' }, ...settings } as z.input<typeof DnsSource>)
  const provider = dnsProvider(source, hosts)
  const end = new AbortController()
  test.after(() => end.abort())
  const lists = provider.watch(end.signal)[Symbol.asyncIterator]()
  const next = async (): Promise<ServerList> => {
    const { value, done } = await lists.next()
    assert.equal(done, false)
    return value
  }
  const ended = async () => {
    end.abort()
    return (await lists.next()).done
  }
  /** Watches again, as whoever watches does after a failure. */
  const again = async (): Promise<ServerList> => (await provider.watch(end.signal)[Symbol.asyncIterator]().next()).value
  return { next, ended, again }
}

function addresses({ servers }: ServerList): string[] {
  return servers.map(({ address }) => address)
}

describe('addresses of a name', { skip: withoutDnsmasq }, () => {
  test('are added, removed and changed by its record’s TTL', async (t) => {
    const dns = await Dnsmasq.start(t, ['10.0.0.1 app.example.org', '10.0.0.2 app.example.org'])
    const { next, ended } = watch(t, { name: 'app.example.org', port: 8080, resolver: [dns.address] })
    assert.deepEqual(await next(), {
      servers: [
        { id: '10.0.0.1:8080', name: '10.0.0.1:8080', address: '10.0.0.1:8080' },
        { id: '10.0.0.2:8080', name: '10.0.0.2:8080', address: '10.0.0.2:8080' },
      ],
      mistakes: [],
    })
    await dns.serve(['10.0.0.1 app.example.org', '10.0.0.2 app.example.org', '10.0.0.3 app.example.org'])
    assert.deepEqual(addresses(await next()), ['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080'])
    await dns.serve(['10.0.0.3 app.example.org', '10.0.0.20 app.example.org'])
    assert.deepEqual(addresses(await next()), ['10.0.0.3:8080', '10.0.0.20:8080'])
    assert.equal(await ended(), true)
  })

  test('are the same list whatever order the server has them in', async (t) => {
    const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => `${address} app.example.org`)
    // dnsmasq rotates them with each answer.
    const dns = await Dnsmasq.start(t, [...hosts, '10.9.9.9 other.example.org'])
    const { next } = watch(t, { name: 'app.example.org', resolver: [dns.address] })
    const first = await next()
    const second = next()
    await dns.serve([...hosts.toReversed(), '10.9.9.9 other.example.org'])
    await dns.serve([...hosts, '10.0.0.4 app.example.org'])
    assert.deepEqual(addresses(first), ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'])
    assert.deepEqual(addresses(await second), ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80', '10.0.0.4:80'])
  })

  test('may be 200: what does not fit is asked for by TCP', async (t) => {
    const all = Array.from({ length: 200 }, (_, index) => `10.0.1.${index + 1}`)
    const dns = await Dnsmasq.start(
      t,
      all.map((address) => `${address} app.example.org`),
    )
    const { next } = watch(t, { name: 'app.example.org', resolver: [dns.address] })
    assert.deepEqual(
      addresses(await next()),
      all.map((address) => `${address}:80`),
    )
  })

  test('are those of an alias', async (t) => {
    const dns = await Dnsmasq.start(
      t,
      ['10.0.0.1 app.example.org'],
      ['cname=www.example.org,web.example.org', 'cname=web.example.org,app.example.org'],
    )
    const { next } = watch(t, { name: 'www.example.org', resolver: [dns.address] })
    assert.deepEqual(addresses(await next()), ['10.0.0.1:80'])
  })

  test('may be of IPv6, in canonical form', async (t) => {
    const dns = await Dnsmasq.start(t, ['10.0.0.1 app.example.org', '2001:DB8:0:0::7 app.example.org'])
    const { next } = watch(t, { name: 'app.example.org', family: 'ipv6', resolver: [dns.address] })
    assert.deepEqual(addresses(await next()), ['[2001:db8::7]:80'])
  })

  test('are looked for in the search domains, unless the name ends with a dot', async (t) => {
    const dns = await Dnsmasq.start(t, ['10.0.0.1 app.local.test'])
    const settings = parseResolvConf('search example.org local.test\n')
    const lookup = new AddressLookup(
      new Resolver({ ...settings, servers: [{ host: '127.0.0.1', port: dns.port }] }),
      NO_HOSTS,
    )
    const signal = new AbortController().signal
    const { addresses } = await lookup.find('app', signal)
    assert.deepEqual(addresses.ipv4, ['10.0.0.1'])
    await assert.rejects(lookup.find('app.', signal), /REFUSED from 127\.0\.0\.1:\d+$/)
  })

  test('come from /etc/hosts first', async (t) => {
    const file = join(await temporaryFolder(t), 'hosts')
    await writeFile(file, '10.7.0.1 other app.example.org # of the operator\n::1 app.example.org\n')
    const dns = await Dnsmasq.start(t, ['10.0.0.1 app.example.org'])
    const settings = { name: 'app.example.org', resolver: [dns.address], ttl: { least: '100ms', most: '100ms' } }
    const { next } = watch(t, settings, new HostsFile(file))
    assert.deepEqual(addresses(await next()), ['10.7.0.1:80', '[::1]:80'])
    await writeFile(file, '10.7.0.99 app.example.org\n')
    assert.deepEqual(addresses(await next()), ['10.7.0.99:80'])
    await writeFile(file, '')
    assert.deepEqual(addresses(await next()), ['10.0.0.1:80'])
  })
})

describe('a failure names the server and what it said', { skip: withoutDnsmasq }, () => {
  test('NXDOMAIN, and the name is found again once it is back', async (t) => {
    const dns = await Dnsmasq.start(t, ['10.0.0.1 app.example.org'])
    const { next, again } = watch(t, { name: 'app.example.org', resolver: [dns.address] })
    await next()
    await dns.serve([])
    await assert.rejects(next(), { message: `NXDOMAIN from ${dns.address}` })
    await dns.serve(['10.0.0.2 app.example.org'])
    assert.deepEqual(addresses(await again()), ['10.0.0.2:80'])
  })

  test('no record of that type', async (t) => {
    const dns = await Dnsmasq.start(t, ['::7 app.example.org'])
    const { next } = watch(t, { name: 'app.example.org', family: 'ipv4', resolver: [dns.address] })
    await assert.rejects(next(), { message: `no A record from ${dns.address}` })
  })

  test('SERVFAIL, and the next server is asked', async (t) => {
    const failing = await standInForDns(t, (question) => [answerTo(question, [], { flags: 2 } as object)])
    const dns = await Dnsmasq.start(
      t,
      ['10.0.0.1 app.example.org'],
      [`server=/broken.test/${failing.replace(':', '#')}`],
    )
    const broken = watch(t, { name: 'app.broken.test', resolver: [dns.address] })
    await assert.rejects(broken.next(), { message: `SERVFAIL from ${dns.address}` })
    const { next } = watch(t, { name: 'app.example.org', resolver: [failing, dns.address] })
    assert.deepEqual(addresses(await next()), ['10.0.0.1:80'])
  })

  test('REFUSED', async (t) => {
    const dns = await Dnsmasq.start(t, [])
    const { next } = watch(t, { name: 'app.elsewhere.test', resolver: [dns.address] })
    await assert.rejects(next(), { message: `REFUSED from ${dns.address}` })
  })

  test('a server that is down, and back', async (t) => {
    const dns = await Dnsmasq.start(t, ['10.0.0.1 app.example.org'])
    const { next, again } = watch(t, { name: 'app.example.org', resolver: [dns.address] })
    await next()
    await dns.stop()
    await assert.rejects(next(), { message: `no answer (ECONNREFUSED) from ${dns.address}` })
    await dns.restart()
    assert.deepEqual(addresses(await again()), ['10.0.0.1:80'])
  })
})

describe('SRV records', { skip: withoutDnsmasq }, () => {
  const SERVICE = '_http._tcp.app.example.org'

  test('give ports and weights, and make backups of all but the best priority', async (t) => {
    const dns = await Dnsmasq.start(
      t,
      ['10.0.0.1 one.example.org', '10.0.0.2 two.example.org', '10.0.0.3 spare.example.org'],
      [
        `srv-host=${SERVICE},one.example.org,8001,10,60`,
        `srv-host=${SERVICE},two.example.org,8002,10,0`,
        `srv-host=${SERVICE},spare.example.org,8003,20,5`,
      ],
    )
    const { next } = watch(t, { name: SERVICE, type: 'srv', resolver: [dns.address] })
    const { servers } = await next()
    assert.deepEqual(servers, [
      { id: 'one.example.org', name: 'one.example.org', address: '10.0.0.1:8001', settings: { weight: 60 } },
      { id: 'two.example.org', name: 'two.example.org', address: '10.0.0.2:8002', settings: { weight: 1 } },
      { id: 'spare.example.org', name: 'spare.example.org', address: '10.0.0.3:8003', settings: { backup: true } },
    ])
  })

  test('keep a target’s identity when its address changes', async (t) => {
    const dns = await Dnsmasq.start(t, ['10.0.0.1 one.example.org'], [`srv-host=${SERVICE},one.example.org,80,0,1`])
    const { next } = watch(t, { name: SERVICE, type: 'srv', resolver: [dns.address] })
    const [before] = (await next()).servers
    await dns.serve(['10.0.0.9 one.example.org'])
    const [after] = (await next()).servers
    assert.deepEqual(
      [before, after].map((server) => [server?.id, server?.address]),
      [
        ['one.example.org', '10.0.0.1:80'],
        ['one.example.org', '10.0.0.9:80'],
      ],
    )
  })

  test('tell targets apart by address where they have several, and by port where they share a name', async (t) => {
    const dns = await Dnsmasq.start(
      t,
      ['10.0.0.1 both.example.org', '10.0.0.2 both.example.org', '10.0.0.3 one.example.org'],
      [
        `srv-host=${SERVICE},both.example.org,80,0,1`,
        `srv-host=${SERVICE},one.example.org,81,0,1`,
        `srv-host=${SERVICE},one.example.org,82,0,1`,
      ],
    )
    const { next } = watch(t, { name: SERVICE, type: 'srv', resolver: [dns.address] })
    assert.deepEqual(
      (await next()).servers.map(({ id }) => id),
      ['10.0.0.1:80', '10.0.0.2:80', 'one.example.org:81', 'one.example.org:82'],
    )
  })

  test('of which one target cannot be found leave the others', async (t) => {
    const dns = await Dnsmasq.start(
      t,
      ['10.0.0.1 one.example.org'],
      [`srv-host=${SERVICE},one.example.org,80,0,1`, `srv-host=${SERVICE},gone.example.org,80,0,1`],
    )
    const { next } = watch(t, { name: SERVICE, type: 'srv', resolver: [dns.address] })
    const { servers, mistakes } = await next()
    assert.deepEqual(
      servers.map(({ id }) => id),
      ['one.example.org'],
    )
    assert.deepEqual(mistakes, [{ where: 'gone.example.org', message: `NXDOMAIN from ${dns.address}` }])
  })

  test('with the target "." say that there is no such service', async (t) => {
    const resolver = await standInForDns(t, (question) => [
      answerTo(question, [
        { type: 'SRV', name: SERVICE, ttl: 60, data: { target: '.', port: 0, priority: 0, weight: 0 } },
      ]),
    ])
    const { next } = watch(t, { name: SERVICE, type: 'srv', resolver: [resolver] })
    assert.deepEqual((await next()).servers, [])
  })
})

describe('a DNS server that means no good', () => {
  const good = [{ type: 'A', name: 'app.example.org', ttl: 60, data: '10.0.0.1' }] as const
  const settings = { name: 'app.example.org', family: 'ipv4' }

  test('is not believed where it answers with another id, or to another question', async (t) => {
    const resolver = await standInForDns(t, (question) => [
      answerTo({ ...question, id: (question.id! + 1) & 0xffff }, [{ ...good[0], data: '10.6.6.6' }]),
      answerTo({ ...question, questions: [{ type: 'A', name: 'evil.example.org' }] }, [
        { ...good[0], data: '10.6.6.6' },
      ]),
      Buffer.from('not a message'),
      answerTo(question, [{ ...good[0], name: 'evil.example.org', data: '10.6.6.6' }, ...good]),
    ])
    const { next } = watch(t, { ...settings, resolver: [resolver] })
    assert.deepEqual(addresses(await next()), ['10.0.0.1:80'])
  })

  test('is given up after many strays', async (t) => {
    const resolver = await standInForDns(t, () => Array.from({ length: 200 }, () => Buffer.alloc(100, 7)))
    const { next } = watch(t, { ...settings, resolver: [resolver] })
    await assert.rejects(next(), { message: `only answers to other questions from ${resolver}` })
  })

  for (const [what, body] of [
    ['that point at themselves', [0xc0, 0x0c]],
    ['that are cut off', [0x3f, 0x61]],
  ] as const)
    test(`cannot hang or crash Limpet by names ${what}`, async (t) => {
      const resolver = await standInForDns(t, (question) => {
        const header = packet.encode({ type: 'response', id: question.id!, flags: 0 })
        header.writeUInt16BE(1, 4)
        return [Buffer.concat([header, Buffer.from(body)])]
      })
      const { next } = watch(t, { ...settings, resolver: [resolver] })
      await assert.rejects(next(), { message: `an answer that cannot be understood from ${resolver}` })
    })

  test('cannot lead in circles', async (t) => {
    const resolver = await standInForDns(t, (question) => [
      answerTo(question, [
        { type: 'CNAME', name: 'app.example.org', ttl: 1, data: 'b.example.org' },
        { type: 'CNAME', name: 'b.example.org', ttl: 1, data: 'app.example.org' },
      ]),
    ])
    const { next } = watch(t, { ...settings, resolver: [resolver] })
    await assert.rejects(next(), { message: `aliases (CNAME) without an end from ${resolver}` })
  })

  test('cannot lead on without an end', async (t) => {
    let asked = 0
    const resolver = await standInForDns(t, (question) => {
      asked++
      const { name } = question.questions![0]!
      return [answerTo(question, [{ type: 'CNAME', name, ttl: 1, data: `x${asked}.example.org` }])]
    })
    const { next } = watch(t, { ...settings, resolver: [resolver] })
    await assert.rejects(next(), { message: `aliases (CNAME) without an end from ${resolver}` })
    assert.ok(asked < 20, `${asked} questions`)
  })

  test('may send as much as fits in a message', async (t) => {
    const many = Array.from({ length: 4000 }, (_, index) => {
      return { type: 'A', name: 'app.example.org', ttl: 60, data: `10.1.${index >> 8}.${index & 255}` } as const
    })
    // Names that are not compressed: 64 KiB hold some 2,000 of them.
    const fitting = many.slice(0, 2000)
    const resolver = await standInForDns(t, (question, byTcp) => [
      byTcp ? answerTo(question, fitting) : answerTo(question, [], { flags: packet.TRUNCATED_RESPONSE }),
    ])
    const { next } = watch(t, { ...settings, resolver: [resolver] })
    assert.equal((await next()).servers.length, 2000)
  })

  test('ends with the watching where it never answers', async (t) => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1')
    await once(silent, 'listening')
    t.after(() => silent.close())
    const source = z.decode(DnsSource, {
      from: 'dns',
      ...settings,
      resolver: [`127.0.0.1:${silent.address().port}`],
    } as z.input<typeof DnsSource>)
    const end = new AbortController()
    const list = dnsProvider(source, NO_HOSTS).watch(end.signal)[Symbol.asyncIterator]().next()
    await once(silent, 'message')
    end.abort()
    assert.equal((await list).done, true)
  })

  test('is asked without EDNS0 where it does not understand that', async (t) => {
    const resolver = await standInForDns(t, (question) => [
      question.additionals!.length > 0 ? answerTo(question, [], { flags: 1 }) : answerTo(question, [...good]),
    ])
    const { next } = watch(t, { ...settings, resolver: [resolver] })
    assert.deepEqual(addresses(await next()), ['10.0.0.1:80'])
  })

  test('is not needed while nothing listens there, if another answers', async (t) => {
    const resolver = await standInForDns(t, (question) => [answerTo(question, [...good])])
    const { next } = watch(t, { ...settings, resolver: [`127.0.0.1:${await freeDnsPort()}`, resolver] })
    assert.deepEqual(addresses(await next()), ['10.0.0.1:80'])
  })
})

describe('a name with addresses of both families', () => {
  const A = { type: 'A', name: 'app.example.org', ttl: 60, data: '10.0.0.1' } as const
  const AAAA = { type: 'AAAA', name: 'app.example.org', ttl: 60, data: '2001:db8::1' } as const
  const families: readonly Family[] = ['ipv4', 'ipv6']
  const never = new AbortController().signal

  /** A server that says what is in `says`, of which each can be a refusal (`SERVFAIL`), or nothing at all. */
  async function lookupAt(test: TestContext, says: Record<'A' | 'AAAA', 'records' | 'SERVFAIL' | 'nothing'>) {
    const resolver = await standInForDns(test, (question) => {
      const { type } = question.questions![0]! as { type: 'A' | 'AAAA' }
      if (says[type] === 'nothing') return []
      return [
        says[type] === 'records' ? answerTo(question, [type === 'A' ? A : AAAA]) : answerTo(question, [], { flags: 2 }),
      ]
    })
    const [host, port] = resolver.split(':')
    const settings = { servers: [{ host: host!, port: Number(port) }], search: [], ndots: 1, timeout: 30_000, tries: 1 }
    return new AddressLookup(new Resolver(settings), NO_HOSTS)
  }

  test('has both', async (t) => {
    const lookup = await lookupAt(t, { A: 'records', AAAA: 'records' })
    const { addresses } = await lookup.find('app.example.org', never, families)
    assert.deepEqual(addresses, { ipv4: ['10.0.0.1'], ipv6: ['2001:db8::1'] })
  })

  test('keeps those of one while the server fails for it', async (t) => {
    const says = { A: 'records', AAAA: 'records' } as Parameters<typeof lookupAt>[1]
    const lookup = await lookupAt(t, says)
    const known = await lookup.find('app.example.org', never, families)
    says.AAAA = 'SERVFAIL'
    const { addresses } = await lookup.find('app.example.org', never, families, known)
    assert.deepEqual(addresses, { ipv4: ['10.0.0.1'], ipv6: ['2001:db8::1'] })
    says.A = 'SERVFAIL'
    await assert.rejects(lookup.find('app.example.org', never, families, known), { kind: 'refused' })
  })

  test('is not held up by a server that never answers for one', async (t) => {
    const lookup = await lookupAt(t, { A: 'records', AAAA: 'nothing' })
    const { addresses } = await lookup.find('app.example.org', never, families)
    assert.deepEqual(addresses, { ipv4: ['10.0.0.1'], ipv6: [] })
  })
})

test('a server that does not answer in time is named, and so are all that were asked', async (t) => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const { port } = silent.address()
  const closed = await freeDnsPort()
  const servers = [port, closed].map((each) => ({ host: '127.0.0.1', port: each }))
  const resolver = new Resolver({ servers, search: [], ndots: 1, timeout: 50, tries: 2 })
  await assert.rejects(resolver.records('app.example.org', 'A', new AbortController().signal), {
    kind: 'silent',
    message: `no answer within 0.05s from 127.0.0.1:${port}, no answer (ECONNREFUSED) from 127.0.0.1:${closed}`,
  })
})

describe('how long an answer holds', () => {
  const bounds = { least: 1000, most: 300_000 }
  const from = { host: '10.0.0.53', port: 53 }
  for (const [what, ttl, expected] of [
    ['its TTL', 30, 30_000],
    ['at least ttl.least, also where its TTL is 0', 0, 1000],
    ['at most ttl.most', 86_400, 300_000],
  ] as const)
    test(what, () => assert.equal(holdFor({ ttl, from }, bounds), expected))

  test('five seconds, where Docker’s own server says ten minutes', () =>
    assert.equal(holdFor({ ttl: 600, from: { host: '127.0.0.11', port: 53 } }, bounds), 5000))
})

describe('/etc/resolv.conf', () => {
  test('gives servers, search domains and options, as resolv.conf(5) has them', () =>
    assert.deepEqual(
      parseResolvConf(`# written by something
nameserver 10.0.0.2
nameserver fe80::1%eth0 ; a zone
nameserver not-an-address
domain former.example
search a.example b.example.
options ndots:5 timeout:1 attempts:3 rotate
`),
      {
        servers: [
          { host: '10.0.0.2', port: 53 },
          { host: 'fe80::1%eth0', port: 53 },
        ],
        search: ['a.example', 'b.example'],
        ndots: 5,
        timeout: 1000,
        tries: 3,
      },
    ))

  test('without servers stands for one on this machine', () =>
    assert.deepEqual(parseResolvConf('').servers, [{ host: '127.0.0.1', port: 53 }]))

  test('has names with fewer dots than ndots looked for in the search domains first', () => {
    const settings = { ...parseResolvConf('search a.example b.example'), ndots: 2 }
    assert.deepEqual(candidatesFor('app', settings), ['app.a.example', 'app.b.example', 'app'])
    assert.deepEqual(candidatesFor('app.x.y', settings), ['app.x.y', 'app.x.y.a.example', 'app.x.y.b.example'])
    assert.deepEqual(candidatesFor('app.', settings), ['app'])
  })
})

test('damaged answers are refused, or read as far as they make sense', () => {
  const question = { id: 7, name: 'app.example.org', type: 'A' } as const
  const whole = packet.encode(
    answerTo({ id: 7, questions: [{ type: 'A', name: 'app.example.org' }] }, [
      { type: 'CNAME', name: 'app.example.org', ttl: 5, data: 'web.example.org' },
      { type: 'A', name: 'web.example.org', ttl: 5, data: '10.0.0.1' },
    ]),
  ) as Buffer
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 })
  fc.assert(
    fc.property(damage, fc.nat(whole.length), (changes, length) => {
      const bytes = Buffer.from(whole.subarray(0, length))
      for (const [at, octet] of changes) if (at < bytes.length) bytes[at] = octet
      try {
        const message = decodeAnswer(bytes, question)
        assert.ok(message === undefined || Array.isArray(message.answers))
      } catch (error) {
        assert.equal((error as Error).message, 'an answer that cannot be understood')
      }
    }),
    { numRuns: 2000 },
  )
})
