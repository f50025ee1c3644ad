/** Limpet obtains its certificates by itself, from Pebble. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { PeerCertificate } from 'node:tls'
import { AcmePlace } from '../support/acme-place.ts'
import { adminUrlOf, runLimpet, startLimpet } from '../support/limpet.ts'
import { testWithPebble } from '../support/pebble.ts'
import { upgrade } from '../support/upgraded.ts'

const isProvisional = ({ issuer }: PeerCertificate) => issuer.CN === 'Limpet waits for a certificate'

testWithPebble('with an email and nothing else, all hosts of the routes get certificates', async (t) => {
  const place = await AcmePlace.prepare(t)
  const begun = performance.now()
  const limpet = await place.start()
  await place.inEffect(limpet, 'a.example')
  const root = await place.pebble.root()
  assert.equal(await place.get('a.example', root), 200)
  t.diagnostic(`the first answer by HTTPS came ${Math.round(performance.now() - begun)} ms after the start`)
  await place.inEffect(limpet, 'b.example')
  assert.equal(await place.get('b.example', root), 200)
})

testWithPebble(
  'until there is a certificate, clients get one that Limpet has signed; all workers answer the challenge',
  async (t) => {
    const place = await AcmePlace.prepare(t)
    const { shim } = place
    const asked = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    shim.beforeChallenge = () => {
      asked.resolve()
      return goOn.promise
    }
    const limpet = await place.start()
    assert.ok(isProvisional(await place.shown('a.example')))
    await limpet.errors.find(/no certificate yet for a\.example, b\.example/)
    await asked.promise
    const [{ challenges } = { challenges: [] }] = shim.authorizations
    const { token } = challenges.find(({ type }) => type === 'http-01')!
    const path = '/.well-known/acme-challenge/'
    for (let connection = 0; connection < 20; connection++) {
      assert.match(await place.plainly(`${path}${token}`), new RegExp(`\r\n\r\n${token}\\.[\\w-]{43}$`))
    }
    // What is no token of this Limpet is the application's.
    assert.match(await place.plainly(`${path}of-the-application`), /app/)
    goOn.resolve()
    await limpet.errors.find(/\(acme\): .*certificate of a\.example obtained/)
    assert.doesNotMatch(limpet.errors.all.join('\n'), /renewed/)
  },
)

testWithPebble('a listener that redirects to https answers challenges all the same', async (t) => {
  const place = await AcmePlace.prepare(t)
  const limpet = await startLimpet(t, place.config({}, true, { redirect: `https:${place.tlsPort}` }))
  await place.inEffect(limpet, 'a.example')
  assert.match(limpet.errors.all.join('\n'), /by http-01/)
  assert.match(
    await place.plainly('/page'),
    new RegExp(`^HTTP/1.1 301 [^]*Location: https://a.example:${place.tlsPort}/page`),
  )
})

testWithPebble('only acme-tls/1 gets the challenge certificate, by TLS 1.2 and 1.3 and from all workers', async (t) => {
  const place = await AcmePlace.prepare(t)
  const asked = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  place.shim.beforeChallenge = () => {
    asked.resolve()
    return goOn.promise
  }
  const limpet = await place.start({}, false)
  await asked.promise
  const host = place.shim.authorizations[0]!.identifier.value
  for (let connection = 0; connection < 10; connection++) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const challenged = await place.shown(host, { ALPNProtocols: ['acme-tls/1'], version })
      assert.equal(challenged.issuer.CN, 'ACME challenge')
      assert.ok(isProvisional(await place.shown(host, { ALPNProtocols: ['http/1.1'], version })))
    }
  }
  goOn.resolve()
  await place.inEffect(limpet, host)
  assert.match(limpet.errors.all.join('\n'), /no listener is without tls, so http-01 cannot be answered/)
  assert.match(limpet.errors.all.join('\n'), /obtained the certificate of \S+ from \S+ by tls-alpn-01/)
})

testWithPebble('after a restart, the first handshake shows the kept certificate, and nothing is ordered', async (t) => {
  const place = await AcmePlace.prepare(t)
  const first = await place.start()
  await Promise.all([place.inEffect(first, 'a.example'), place.inEffect(first, 'b.example')])
  const { fingerprint256 } = await place.shown('a.example')
  first.process.kill('SIGTERM')
  await first.exit
  await place.start({}, true, { STATE_DIRECTORY: first.stateDirectory })
  assert.equal((await place.shown('a.example')).fingerprint256, fingerprint256)
  assert.equal(place.shim.orders.length, 2)
})

testWithPebble('a process that replaces another goes on with its order, and answers its challenge', async (t) => {
  const place = await AcmePlace.prepare(t)
  const { shim } = place
  const asked = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  let challenges = 0
  shim.beforeChallenge = () => {
    if (++challenges === 2) asked.resolve()
    return challenges <= 2 ? goOn.promise : Promise.resolve()
  }
  const limpet = await place.start()
  await asked.promise
  await upgrade(t, limpet)
  goOn.resolve()
  await Promise.all([place.inEffect(limpet, 'a.example'), place.inEffect(limpet, 'b.example')])
  assert.equal(shim.orders.length, 2)
  assert.equal(await place.get('a.example', await place.pebble.root()), 200)
})

testWithPebble('renewals under load fail no request, and all workers show each new certificate', async (t) => {
  const place = await AcmePlace.prepare(t)
  const { shim } = place
  shim.lifetime = 120_000
  // Asked about a certificate, the authority wants it to be renewed soon.
  shim.suggest = () => ({ start: new Date(Date.now() + 500), end: new Date(Date.now() + 1000) })
  const limpet = await place.start()
  await Promise.all([place.inEffect(limpet, 'a.example'), place.inEffect(limpet, 'b.example')])
  const load = new AbortController()
  const statuses = new Map<number | string, number>()
  const clients = Array.from({ length: 4 }, async () => {
    while (!load.signal.aborted) {
      const status = await place.get('a.example', shim.ca).catch((error) => String(error))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      await pause(10)
    }
  })
  for (let renewal = 2; renewal <= 4; renewal++) {
    await place.inEffect(limpet, 'a.example', renewal)
    const newest = (await place.shown('a.example')).fingerprint256
    for (let worker = 0; worker < 10; worker++) assert.equal((await place.shown('a.example')).fingerprint256, newest)
  }
  load.abort()
  await Promise.all(clients)
  assert.deepEqual([...statuses.keys()], [200])
})

testWithPebble(
  'a host that no route names gets a certificate within its first handshake, if the program says yes',
  async (t) => {
    const place = await AcmePlace.prepare(t)
    const asked: string[] = []
    const program = createServer((request, response) => {
      const host = new URL(request.url!, 'http://program').searchParams.get('domain')!
      asked.push(host)
      response.writeHead(host.startsWith('yes') ? 200 : 404).end()
    }).listen(0, '127.0.0.1')
    await once(program, 'listening')
    t.after(() => program.close())
    const ask = `http://127.0.0.1:${(program.address() as AddressInfo).port}/`
    const limpet = await place.start({ onDemand: { ask } })
    await Promise.all([place.inEffect(limpet, 'a.example'), place.inEffect(limpet, 'b.example')])
    const [one, other] = await Promise.all([place.shown('yes.example'), place.shown('yes.example')])
    assert.deepEqual([one.subjectaltname, other.subjectaltname], ['DNS:yes.example', 'DNS:yes.example'])
    assert.equal((await place.shown('no.example')).subjectaltname, 'DNS:a.example')
    assert.equal((await place.shown('no.example')).subjectaltname, 'DNS:a.example')
    assert.deepEqual(asked, ['yes.example', 'no.example'])
    assert.equal(place.shim.orders.length, 3)
  },
)

testWithPebble('acme, hosts and settings may change while Limpet runs', async (t) => {
  const place = await AcmePlace.prepare(t)
  const { listeners, routes, ...rest } = place.config() as { listeners: object[]; routes: object[] }
  const limpet = await startLimpet(t, { ...rest, listeners: listeners.slice(0, 1), routes })
  const reload = async (config: object) => {
    await writeFile(limpet.file, JSON.stringify(config))
    limpet.process.kill('SIGHUP')
  }
  const routed = (...host: string[]) => routes.map((route) => ({ ...route, host }))
  await reload({ ...rest, listeners, routes: routed('a.example') })
  await place.inEffect(limpet, 'a.example', 2)
  assert.equal((await place.shown('a.example')).subjectaltname, 'DNS:a.example')
  await reload({ ...rest, listeners, routes: routed('a.example', 'c.example') })
  await limpet.errors.find(/obtained the certificate of c\.example/)
  await place.inEffect(limpet, 'c.example', 2)
  assert.equal((await place.shown('c.example')).subjectaltname, 'DNS:c.example')
  await reload({ ...rest, listeners, routes: routed('c.example') })
  await limpet.errors.find(/certificate of a\.example removed/)
  assert.equal((await place.shown('a.example')).subjectaltname, 'DNS:c.example')
  const externalAccount = { kid: 'customer', key: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' }
  await reload({ ...place.config({ externalAccount }), routes: routed('c.example') })
  await limpet.errors.find(/tls\.acme\.externalAccount changed/)
  assert.doesNotMatch(limpet.errors.all.join('\n'), /c2VjcmV0/)
})

testWithPebble('the status says when certificates are renewed, and why one could not be obtained', async (t) => {
  const place = await AcmePlace.prepare(t)
  const { shim } = place
  const limpet = await startLimpet(t, { ...place.config(), admin: { port: 0 } })
  await place.inEffect(limpet, 'a.example')
  const url = `${await adminUrlOf(limpet)}/v1`
  const { certificates } = (await (await fetch(`${url}/status`)).json()) as { certificates: Record<string, string>[] }
  const a = certificates.find(({ name }) => name === 'a.example')!
  assert.deepEqual([a.source, a.lastError], ['acme', null])
  assert.match(a.issuer!, /Pebble/)
  assert.ok(Date.parse(a.renewsAt!) < Date.parse(a.notAfter!))
  const events = await fetch(`${url}/events`)
  const refusal = { status: 429, type: 'rateLimited', detail: 'too many orders', retryAfter: '3600' }
  shim.refusals.set('order-plz', refusal)
  const routes = [{ path: '/*', host: ['a.example', 'b.example', 'c.example'], upstream: 'app' }]
  await writeFile(limpet.file, JSON.stringify({ ...place.config(), admin: { port: 0 }, routes }))
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/no certificate for c\.example yet: a rate limit of/)
  const { stdout } = await runLimpet(['status', '-c', limpet.file, '--url', url.replace('/v1', '')])
  assert.match(stdout, /! certificate of c\.example: a rate limit of .*: too many orders; next attempt at \d{4}-/)
  let told = ''
  for await (const bytes of events.body!) {
    told += Buffer.from(bytes)
    if (/event: certificate\ndata: \{.*"host":"c\.example","better":false/.test(told)) break
  }
})
