/** Certificates by ACME, against Pebble; the challenges are answered by servers of the test. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { MOST_ON_DEMAND, OnDemand } from '../../src/control/acme/on-demand.ts'
import { WantedCertificates } from '../../src/worker/wanted-certificates.ts'
import { AcmeShim } from '../support/acme-shim.ts'
import { testWithPebble } from '../support/pebble.ts'
import { until } from '../support/until.ts'
import { Stage } from './stage.ts'
import { TestClock } from './test-clock.ts'

const DAY = 86_400_000
const pkcs8 = { type: 'pkcs8', format: 'pem' } as const
const spki = { type: 'spki', format: 'pem' } as const
const MINUTE = 60_000

testWithPebble('each host gets a certificate of its own, that Pebble has issued', async (t) => {
  const stage = await Stage.set(t)
  const { acme } = stage
  acme.apply(stage.settings(), ['a.example', 'b.example'])
  assert.deepEqual(
    acme.certificates.map(({ chain }) => new X509Certificate(chain).issuer),
    ['CN=Limpet waits for a certificate', 'CN=Limpet waits for a certificate'],
  )
  await stage.until(() => stage.obtained.length === 2)
  assert.deepEqual(
    acme.certificates.map(({ name, hosts, chain }) => [name, hosts, new X509Certificate(chain).checkHost(name)]),
    [
      ['a.example', ['a.example'], 'a.example'],
      ['b.example', ['b.example'], 'b.example'],
    ],
  )
  assert.match(new X509Certificate(acme.certificates[0]!.chain).issuer, /Pebble Intermediate/)
  assert.match(
    stage.log.join('\n'),
    /no certificate yet for a\.example, b\.example; until there is, clients get one that/,
  )
})

for (const challenge of ['http-01', 'tls-alpn-01'] as const) {
  for (const host of ['name.example', '127.0.0.1']) {
    testWithPebble(`${host} is proven by ${challenge}`, async (t) => {
      const stage = await Stage.set(t)
      stage.acme.apply(stage.settings({ challenges: [challenge] }), [host])
      await stage.until(() => stage.obtained.length === 1)
      const certificate = new X509Certificate(stage.acme.certificates[0]!.chain)
      assert.ok(certificate.checkHost(host) ?? certificate.checkIP(host))
      assert.match(stage.log.at(-1)!, new RegExp(`obtained the certificate of ${host} from Pebble by ${challenge}`))
      assert.deepEqual([stage.acme.answers.http.size, stage.acme.answers.tls.size], [0, 0])
    })
  }
}

testWithPebble('a name with a wildcard is proven by dns-01, with the command for DNS records', async (t) => {
  const stage = await Stage.set(t)
  const dns = { command: [await dnsCommand(stage)], wait: 0 }
  stage.acme.apply(stage.settings({ challenges: ['dns-01', 'http-01'], dns }), ['*.wild.example'])
  await stage.until(() => stage.obtained.length === 1)
  const certificate = new X509Certificate(stage.acme.certificates[0]!.chain)
  assert.equal(certificate.checkHost('x.wild.example'), '*.wild.example')
  assert.match(stage.log.at(-1)!, /by dns-01/)
})

testWithPebble('a command for DNS records that fails is told with what it said', async (t) => {
  const stage = await Stage.set(t)
  const dns = { command: ['sh', '-c', 'echo no zone for $2 >&2; exit 3', 'hook'], wait: 0 }
  stage.acme.apply(stage.settings({ challenges: ['dns-01'], dns }), ['*.wild.example'])
  await stage.until(() => stage.note.lastError !== undefined)
  assert.match(stage.note.lastError!, /ended with code 3: no zone for _acme-challenge\.wild\.example/)
})

testWithPebble('a wildcard without dns-01 is told what is missing', async (t) => {
  const stage = await Stage.set(t)
  stage.acme.apply(stage.settings(), ['*.wild.example'])
  await stage.until(() => stage.note.lastError !== undefined)
  assert.match(stage.note.lastError!, /a wildcard can only be proven by dns-01, and acme has no dns\.command/)
})

testWithPebble('a server that rejects most nonces is asked again', async (t) => {
  const stage = await Stage.set(t, { pebble: { env: { PEBBLE_WFE_NONCEREJECT: '50' } } })
  stage.acme.apply(stage.settings(), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
})

testWithPebble('keys of certificates are RSA where that is asked for', async (t) => {
  const stage = await Stage.set(t)
  stage.acme.apply(stage.settings({ keyType: 'rsa' }), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  const { chain, keyType } = stage.acme.certificates[0]!
  assert.deepEqual([keyType, new X509Certificate(chain).publicKey.asymmetricKeyType], ['rsa', 'rsa'])
})

testWithPebble('an account is tied to an external one, and without that the log says what to set', async (t) => {
  const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
  const stage = await Stage.set(t, { pebble: { externalAccounts: { 'kid-1': key } } })
  const settings = stage.settings()
  stage.acme.apply(settings, ['a.example'])
  await stage.until(() => stage.note.lastError !== undefined)
  assert.match(stage.note.lastError!, /only accepts accounts of its customers: set externalAccount/)
  const [authority] = settings.authorities
  const bound = { ...authority!, externalAccount: { kid: 'kid-1', key } }
  stage.acme.apply({ ...settings, authorities: [bound] }, ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
})

testWithPebble('where one kind of challenge fails, the next one is tried at once', async (t) => {
  const stage = await Stage.set(t, { pebble: { httpPort: 1 } })
  stage.acme.apply(stage.settings({ challenges: ['http-01', 'tls-alpn-01'] }), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  assert.match(stage.log.at(-1)!, /by tls-alpn-01/)
})

testWithPebble('a challenge that fails is told with what the authority and what this machine has found', async (t) => {
  const clock = new TestClock()
  const stage = await Stage.set(t, { clock, pebble: { httpPort: 1 } })
  stage.acme.apply(stage.settings(), ['127.0.0.1'])
  await stage.until(() => stage.note.lastError !== undefined)
  const line = stage.log.at(-1)!
  assert.match(
    line,
    /^acme: no certificate for 127\.0\.0\.1 yet: http:\/\/127\.0\.0\.1\/ \(port 80\) does not lead here: 127\.0\.0\.1:80 /,
  )
  assert.match(line, /Pebble says \(connection\): .*connection refused.*; next attempt at \d{4}-/i)
  assert.equal(stage.note.renewsAt, clock.now() + 5 * MINUTE)
})

testWithPebble('attempts that fail become rarer, up to one in six hours', async (t) => {
  const clock = new TestClock()
  const stage = await Stage.set(t, { clock, pebble: { httpPort: 1 } })
  stage.acme.apply(stage.settings(), ['127.0.0.1'])
  const waits: number[] = []
  for (let failures = 1; failures <= 6; failures++) {
    await stage.until(() => stage.reports === failures)
    waits.push((stage.note.renewsAt - clock.now()) / MINUTE)
    await stage.until(() => clock.next !== undefined)
    clock.advanceTo(clock.next!)
  }
  assert.deepEqual(waits, [5, 15, 45, 135, 360, 360])
})

testWithPebble('a rate limit is told with until when, and nothing is asked before', async (t) => {
  const clock = new TestClock()
  const stage = await Stage.set(t, { clock })
  const shim = await AcmeShim.start(t, stage.pebble)
  const retryAfter = String(3 * 3600)
  shim.refusals.set('order-plz', { status: 429, type: 'rateLimited', detail: 'too many certificates', retryAfter })
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  await stage.until(() => stage.reports === 1)
  assert.match(
    stage.log.at(-1)!,
    /a rate limit of Pebble, until \d{4}-\d\d-\d\d .* UTC: too many certificates; next attempt at/,
  )
  assert.equal(stage.note.renewsAt, clock.now() + 180 * MINUTE)
  shim.refusals.clear()
  clock.advance(179 * MINUTE)
  assert.equal(shim.orders.length, 0)
  clock.advance(MINUTE)
  await stage.until(() => stage.obtained.length === 1)
})

testWithPebble('CAA records that do not allow the authority are told as that', async (t) => {
  const stage = await Stage.set(t)
  const shim = await AcmeShim.start(t, stage.pebble)
  shim.refusals.set('finalize-order', {
    status: 403,
    type: 'caa',
    detail: 'CAA record for a.example prevents issuance',
  })
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  await stage.until(() => stage.reports === 1)
  assert.match(
    stage.log.at(-1)!,
    /the CAA records of a\.example do not allow Pebble: .* prevents issuance; add an issue record/,
  )
})

testWithPebble('an authority that is down is told, asked ever more rarely, and used once it is back', async (t) => {
  const clock = new TestClock()
  const stage = await Stage.set(t, { clock })
  const shim = await AcmeShim.start(t, stage.pebble)
  shim.isDown = true
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  const waits: number[] = []
  for (let failures = 1; failures <= 4; failures++) {
    await stage.until(() => stage.reports === failures)
    waits.push((stage.note.renewsAt - clock.now()) / 1000)
    await stage.until(() => clock.next !== undefined)
    if (failures === 4) shim.isDown = false
    clock.advanceTo(clock.next!)
  }
  assert.deepEqual(waits, [10, 20, 40, 80])
  assert.match(
    stage.log.join('\n'),
    /no certificate for a\.example yet: Pebble \(https:\S+\) does not work at present: 127\.0\.0\.1:\d+ cannot be reached: socket hang up/,
  )
  await stage.until(() => stage.obtained.length === 1)
})

testWithPebble('a second authority takes over where the first one is down', async (t) => {
  const stage = await Stage.set(t)
  const shim = await AcmeShim.start(t, stage.pebble)
  shim.isDown = true
  const [first] = stage.settingsFor(shim).authorities
  const [second] = stage.settings().authorities
  const authorities = [
    { ...first!, name: 'First' },
    { ...second!, name: 'Second' },
  ]
  stage.acme.apply(stage.settings({ authorities }), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  assert.match(stage.log.at(-1)!, /obtained the certificate of a\.example from Second/)
})

testWithPebble('the next run uses the kept certificate and account, and orders nothing', async (t) => {
  const stage = await Stage.set(t)
  const shim = await AcmeShim.start(t, stage.pebble)
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  const files = (await readdir(stage.folder)).filter((name) => name.endsWith('.json')).toSorted()
  assert.deepEqual(files, [files[0], 'acme-certificate-a.example.json'])
  for (const file of files) assert.equal((await stat(join(stage.folder, file))).mode & 0o777, 0o600)
  stage.acme.close()
  const [{ chain } = { chain: '' }] = stage.acme.certificates
  const next = await Stage.with(t, stage.pebble, stage)
  next.acme.apply(stage.settingsFor(shim), ['a.example'])
  assert.equal(next.acme.certificates[0]!.chain, chain)
  next.acme.apply(stage.settingsFor(shim), ['a.example', 'b.example'])
  await next.until(() => next.obtained.length === 1)
  assert.deepEqual(next.obtained, ['b.example'])
  assert.equal(shim.asked.filter((path) => path === '/sign-me-up').length, 1)
})

testWithPebble(
  'of two processes with one state directory only one orders, and the other takes over what it obtains',
  async (t) => {
    const clock = new TestClock()
    const stage = await Stage.set(t)
    const shim = await AcmeShim.start(t, stage.pebble)
    const other = await Stage.with(t, stage.pebble, { folder: stage.folder, clock })
    stage.acme.apply(stage.settingsFor(shim), ['a.example'])
    await stage.until(() => stage.acme.answers.http.size === 1 || stage.obtained.length === 1)
    other.acme.apply(stage.settingsFor(shim), ['a.example'])
    await stage.until(() => stage.obtained.length === 1)
    await until(() => {
      clock.advance(10_000)
      return other.acme.certificates[0]!.chain === stage.acme.certificates[0]!.chain
    })
    assert.equal(shim.orders.length, 1)
  },
)

testWithPebble(
  'damaged files of the state directory are put aside, and what they held is obtained again',
  async (t) => {
    const stage = await Stage.set(t)
    stage.acme.apply(stage.settings(), ['a.example'])
    await stage.until(() => stage.obtained.length === 1)
    stage.acme.close()
    const account = (await readdir(stage.folder)).find((name) => name.startsWith('acme-account'))!
    const [certificate, order] = ['acme-certificate-a.example.json', 'acme-order-a.example.json']
    const kept = JSON.parse(await readFile(join(stage.folder, certificate), 'utf8'))
    const { directory } = kept
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: pkcs8,
      publicKeyEncoding: spki,
    })
    const damage: [file: string, content: unknown][] = [
      [certificate, { ...kept, key: privateKey }],
      [certificate, { ...kept, key: 'none' }],
      [certificate, null],
      [account, null],
      [account, { directory, key: 'none', url: `${directory}/gone` }],
      [order, { host: 'a.example', directory, url: directory, key: 'none' }],
      [order, [1]],
    ]
    for (const [file, content] of damage) {
      if (file !== certificate) await rm(join(stage.folder, certificate))
      await writeFile(join(stage.folder, file), JSON.stringify(content))
      const next = await Stage.with(t, stage.pebble, stage)
      next.acme.apply(stage.settings(), ['a.example'])
      await next.until(() => next.reports > 0)
      assert.deepEqual(next.obtained, ['a.example'], `${file} ${JSON.stringify(content)}: ${next.log.join()}`)
      next.acme.close()
    }
  },
)

testWithPebble('an order that one process has begun is continued by the next', async (t) => {
  const stage = await Stage.set(t)
  const shim = await AcmeShim.start(t, stage.pebble)
  stage.hold()
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  await stage.until(() => stage.acme.answers.http.size === 1)
  stage.acme.close()
  stage.front.published = Promise.resolve()
  const next = await Stage.with(t, stage.pebble, stage)
  next.acme.apply(stage.settingsFor(shim), ['a.example'])
  await next.until(() => next.obtained.length === 1)
  assert.equal(shim.orders.length, 1)
  assert.deepEqual(
    (await readdir(stage.folder)).filter((name) => name.startsWith('acme-order')),
    [],
  )
})

testWithPebble('another directory issues another certificate, and the former one serves until then', async (t) => {
  const stage = await Stage.set(t)
  const shim = await AcmeShim.start(t, stage.pebble)
  stage.acme.apply(stage.settings(), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  const [{ chain } = { chain: '' }] = stage.acme.certificates
  shim.lifetime = 90 * DAY
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  assert.equal(stage.acme.certificates[0]!.chain, chain)
  await stage.until(() => stage.obtained.length === 2)
  assert.equal(stage.acme.certificates[0]!.chain, shim.issued[0]!.chain)
})

testWithPebble('an account that the authority does not know any more is replaced, and its order goes on', async (t) => {
  // Its time does not pass by itself: no wait after a failure ends.
  const stage = await Stage.set(t, { clock: new TestClock() })
  stage.acme.apply(stage.settings(), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  await stage.pebble.restart()
  stage.acme.apply(stage.settings(), ['a.example', 'b.example'])
  await stage.until(() => stage.obtained.length === 2)
  assert.match(stage.log.join('\n'), /Pebble does not accept the account any more \(.*\); another is registered/)
})

testWithPebble('another email is told to the authority, with the same account', async (t) => {
  const stage = await Stage.set(t)
  const shim = await AcmeShim.start(t, stage.pebble)
  const settings = stage.settingsFor(shim)
  stage.acme.apply(settings, ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  const authorities = [{ ...settings.authorities[0]!, email: 'other@example.org' }]
  stage.acme.apply({ ...settings, authorities }, ['a.example', 'b.example'])
  await stage.until(() => stage.obtained.length === 2)
  const count = (kind: string) => shim.asked.filter((path) => path.startsWith(`/${kind}`)).length
  assert.deepEqual([count('sign-me-up'), count('my-account')], [1, 1])
})

testWithPebble('a host that is removed is not renewed any more', async (t) => {
  const clock = new TestClock()
  const stage = await Stage.set(t, { clock })
  stage.acme.apply(stage.settings(), ['a.example', 'b.example'])
  await stage.until(() => stage.obtained.length === 2)
  stage.acme.apply(stage.settings(), ['b.example'])
  assert.deepEqual(
    stage.acme.certificates.map(({ name }) => name),
    ['b.example'],
  )
})

testWithPebble(
  'a certificate of the profile that is asked for; of another, only what profiles there are',
  async (t) => {
    const stage = await Stage.set(t)
    const shim = await AcmeShim.start(t, stage.pebble)
    shim.lifetime = 6 * DAY
    const settings = stage.settingsFor(shim)
    const withProfile = (profile: string) => ({ ...settings, authorities: [{ ...settings.authorities[0]!, profile }] })
    stage.acme.apply(withProfile('shortlived'), ['a.example'])
    await stage.until(() => stage.obtained.length === 1)
    assert.equal(shim.orders[0]!.profile, 'shortlived')
    stage.acme.apply(withProfile('eternal'), ['a.example'])
    await stage.until(() => stage.reports === 2)
    assert.match(stage.log.at(-1)!, /it has no profile eternal, but classic, shortlived/)
  },
)

testWithPebble(
  'a certificate is renewed after two thirds of its life, and the order says which one it replaces',
  async (t) => {
    const clock = new TestClock(Math.floor(Date.now() / 1000) * 1000)
    const stage = await Stage.set(t, { clock })
    const shim = await AcmeShim.start(t, stage.pebble)
    shim.now = () => clock.now()
    shim.lifetime = 45 * DAY
    stage.acme.apply(stage.settingsFor(shim), ['a.example'])
    await stage.until(() => stage.obtained.length === 1)
    const wait = stage.note.renewsAt - clock.now()
    assert.ok(wait > 0.63 * 45 * DAY && wait <= (2 / 3) * 45 * DAY, `${wait / DAY} days`)
    clock.advanceTo(stage.note.renewsAt)
    await stage.until(() => stage.obtained.length === 2)
    assert.match(shim.orders[1]!.replaces!, /^[\w-]+\.[\w-]+$/)
    assert.match(stage.log.at(-1)!, /renewed the certificate of a\.example from Pebble/)
  },
)

testWithPebble('a certificate is renewed although its authority does not accept what it replaces', async (t) => {
  const clock = new TestClock()
  const stage = await Stage.set(t, { clock })
  const shim = await AcmeShim.start(t, stage.pebble)
  // As where the former account is lost.
  shim.refusalOfReplacements = { status: 403, type: 'unauthorized', detail: 'the certificate is of another account' }
  shim.lifetime = 90 * DAY
  shim.now = () => clock.now()
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  clock.advance(60 * DAY)
  await stage.until(() => stage.obtained.length === 2)
  assert.deepEqual(
    shim.orders.map(({ replaces }) => typeof replaces),
    ['undefined', 'string', 'undefined'],
  )
})

testWithPebble('a certificate is renewed when its authority wants it', async (t) => {
  const clock = new TestClock()
  const stage = await Stage.set(t, { clock })
  const shim = await AcmeShim.start(t, stage.pebble)
  let window = { start: new Date(clock.now() + 10 * DAY), end: new Date(clock.now() + 12 * DAY) }
  const known: string[] = []
  shim.suggest = (id) => {
    known.push(id)
    return window
  }
  shim.lifetime = 90 * DAY
  shim.now = () => clock.now()
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  await until(() => known.length === 1 && stage.note.renewsAt < clock.now() + 13 * DAY)
  assert.ok(stage.note.renewsAt >= window.start.getTime())
  // Its certificates are to be revoked.
  window = { start: new Date(clock.now() - DAY), end: new Date(clock.now() - MINUTE) }
  clock.advance(6 * 60 * MINUTE)
  await stage.until(() => stage.obtained.length === 2)
  assert.equal(shim.orders[1]!.replaces, known[0])
})

testWithPebble(
  'hosts that are not in the configuration get certificates if the program says yes, and only then',
  async (t) => {
    const stage = await Stage.set(t)
    const asked: string[] = []
    const ask = await stage.program((host) => {
      asked.push(host)
      return host.startsWith('yes')
    })
    stage.acme.apply(stage.settings({ onDemand: { ask } }), ['a.example'])
    await stage.until(() => stage.obtained.length === 1)
    for (const host of ['no.example', 'no.example', 'not a host', '10.0.0.1', 'localhost']) {
      assert.equal(await stage.acme.demand(host), false)
    }
    await Promise.all(Array.from({ length: 20 }, () => stage.acme.demand('yes.example')))
    await stage.until(() => stage.obtained.length === 2)
    assert.deepEqual(asked, ['no.example', 'yes.example'])
    assert.deepEqual(
      stage.acme.certificates.map(({ name }) => name),
      ['a.example', 'yes.example'],
    )
    assert.equal(await stage.acme.demand('yes.example'), true)
    stage.acme.close()
    const next = await Stage.with(t, stage.pebble, stage)
    next.acme.apply(stage.settings({ onDemand: { ask } }), ['a.example'])
    assert.deepEqual(
      next.acme.certificates.map(({ name }) => name),
      ['a.example', 'yes.example'],
    )
  },
)

test('a program that cannot be asked, and clients that name too many hosts, are told once a minute', async () => {
  const clock = new TestClock()
  const told: string[] = []
  // Nothing answers on port 1.
  const onDemand = new OnDemand('http://127.0.0.1:1/may-have', clock, (message) => told.push(message))
  for (let host = 0; host < 3; host++) assert.equal(await onDemand.isAllowed(`a${host}.example`), false)
  assert.match(told.join('|'), /^acme: http:\/\/127\.0\.0\.1:1\/may-have could not be asked about a0\.example: [^|]+$/)
  told.length = 0
  clock.advance(MINUTE)
  const allows = createServer((_, response) => response.end()).listen(0, '127.0.0.1')
  await once(allows, 'listening')
  const url = `http://127.0.0.1:${(allows.address() as AddressInfo).port}/`
  const asked = new OnDemand(url, clock, (message) => told.push(message))
  let allowed = 0
  for (let host = 0; host < 110; host++) allowed += Number(await asked.isAllowed(`b${host}.example`))
  allows.close()
  assert.equal(allowed, 100)
  assert.match(told.join('|'), /^acme: clients name more than 100 hosts without a certificate in a minute; [^|]+$/)
})

test('hosts beyond the most that there may be on demand are told once a minute, with what to do', () => {
  const clock = new TestClock()
  const told: string[] = []
  const onDemand = new OnDemand('http://127.0.0.1:1/may-have', clock, (message) => told.push(message))
  assert.equal(onDemand.hasRoom(MOST_ON_DEMAND - 1, 'a.example'), true)
  assert.deepEqual(told, [])
  for (let host = 0; host < 3; host++) assert.equal(onDemand.hasRoom(MOST_ON_DEMAND, `b${host}.example`), false)
  assert.match(
    told.join('|'),
    /^acme: no certificate for b0\.example: there are 10000 on demand[^|]*; name hosts in routes, [^|]+$/,
  )
  clock.advance(MINUTE)
  assert.equal(onDemand.hasRoom(MOST_ON_DEMAND, 'c.example'), false)
  assert.equal(told.length, 2)
})

test('a program that is slow to answer is told, too: further hosts get none meanwhile', async (t) => {
  const held: ServerResponse[] = []
  const slow = createServer((_, response) => held.push(response)).listen(0, '127.0.0.1')
  t.after(() => slow.close())
  await once(slow, 'listening')
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`
  const told: string[] = []
  const onDemand = new OnDemand(url, new TestClock(), (message) => told.push(message))
  const asked = Array.from({ length: 10 }, (_, host) => onDemand.isAllowed(`a${host}.example`))
  assert.deepEqual(await Promise.all([onDemand.isAllowed('b.example'), onDemand.isAllowed('c.example')]), [
    false,
    false,
  ])
  assert.match(told.join('|'), /^acme: http:\S+ has 10 questions to answer; [^|]+$/)
  while (held.length < 10) await once(slow, 'request')
  for (const response of held) response.end()
  assert.deepEqual(await Promise.all(asked), Array(10).fill(true))
})

test('clients that cannot wait for a certificate on demand are told of', () => {
  const reported: string[] = []
  const refused: string[] = []
  const wanted = new WantedCertificates(
    (host) => reported.push(host),
    (host) => refused.push(host),
  )
  let settled = 0
  const waits = (host: string) => wanted.add(host, () => settled++)
  for (let client = 0; client < 100; client++) assert.equal(waits('a.example'), true)
  assert.equal(waits('a.example'), false)
  for (let host = 1; host < 1000; host++) assert.equal(waits(`b${host}.example`), true)
  assert.equal(waits('c.example'), false)
  assert.deepEqual(refused, ['a.example', 'c.example'])
  assert.equal(reported.length, 1000)
  wanted.settle('a.example')
  assert.deepEqual([settled, waits('c.example')], [100, true])
})

testWithPebble('a state directory that cannot be written is told, and nothing is ordered', async (t) => {
  const folder = '/proc/nowhere'
  const stage = await Stage.set(t, { folder })
  stage.acme.apply(stage.settings(), ['a.example'])
  await stage.until(() => stage.note.lastError !== undefined)
  assert.match(stage.note.lastError!, /\/proc\/nowhere/)
})

/** A command that sets records at pebble-challtestsrv. */
async function dnsCommand({ folder, pebble }: Stage): Promise<string> {
  const file = join(folder, 'dns-hook')
  const script = `#!${process.execPath}
const [, , verb, name, value] = process.argv
const record = { host: name + '.', value }
fetch('${pebble.dnsUrl}/' + (verb === 'set' ? 'set-txt' : 'clear-txt'), { method: 'POST', body: JSON.stringify(record) })
`
  await writeFile(file, script)
  await chmod(file, 0o755)
  return file
}
