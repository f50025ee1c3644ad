/** Limpet obtains its certificates by itself, from Pebble. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectPlain } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { connect, type PeerCertificate, type SecureVersion } from 'node:tls'
import { freePort } from '../../bench/free-port.ts'
import { AcmeShim } from '../support/acme-shim.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { namedOrigin } from '../support/origin.ts'
import { Pebble, testWithPebble } from '../support/pebble.ts'
import { upgrade } from '../support/upgraded.ts'

/** Two workers, with a listener on each of these ports; the routes are for a.example and b.example. */
class Place {
  readonly httpPort: number
  readonly tlsPort: number
  readonly pebble: Pebble
  readonly shim: AcmeShim
  readonly origin: string
  /** The path of the file with what the shim's API is to be trusted by. */
  readonly ca: string
  readonly #test: TestContext

  private constructor(test: TestContext, ports: [number, number], pebble: Pebble, shim: AcmeShim, origin: string) {
    this.#test = test
    ;[this.httpPort, this.tlsPort] = ports
    this.pebble = pebble
    this.shim = shim
    this.origin = origin
    this.ca = `${pebble.ca}.shim`
  }

  static async prepare(test: TestContext): Promise<Place> {
    const ports: [number, number] = [await freePort(), await freePort()]
    const pebble = await Pebble.start(test, { httpPort: ports[0], tlsPort: ports[1] })
    const shim = await AcmeShim.start(test, pebble)
    const { address } = await namedOrigin(test, 'app')
    const place = new Place(test, ports, pebble, shim, address)
    await writeFile(place.ca, shim.ca)
    return place
  }

  /** @param isPlain whether there is a listener without TLS */
  config(acme: object = {}, isPlain = true): object {
    const { directory } = this.shim
    const tls = { acme: { email: 'hostmaster@example.org', directory, ca: this.ca, ...acme } }
    return {
      workers: 2,
      listeners: [
        ...(isPlain ? [{ address: '127.0.0.1', port: this.httpPort }] : []),
        { address: '127.0.0.1', port: this.tlsPort, tls },
      ],
      routes: [{ path: '/*', host: ['a.example', 'b.example'], upstream: 'app' }],
      upstreams: { app: { servers: [this.origin] } },
      timeouts: { upgrade: '1s' },
    }
  }

  start(acme?: object, isPlain?: boolean, env?: NodeJS.ProcessEnv): Promise<Limpet> {
    return startLimpet(this.#test, this.config(acme, isPlain), env === undefined ? {} : { env })
  }

  /** A handshake; resolves to the certificate that was shown. */
  async shown(servername: string, more: { ALPNProtocols?: string[]; version?: SecureVersion } = {}) {
    const { version, ...rest } = more
    const versions = version === undefined ? {} : { minVersion: version, maxVersion: version }
    const place = { host: '127.0.0.1', port: this.tlsPort, servername, rejectUnauthorized: false }
    const socket = connect({ ...place, ...versions, ...rest })
    await once(socket, 'secureConnect')
    const certificate = socket.getPeerCertificate()
    socket.destroy()
    return certificate
  }

  /** A whole request without TLS, on a connection of its own; resolves to the answer. */
  async plainly(path: string): Promise<string> {
    const socket = connectPlain(this.httpPort, '127.0.0.1')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
    return text(socket)
  }

  /** A whole request by TLS; resolves to the status. Rejects if the certificate is not trusted. */
  async get(servername: string, ca: string): Promise<number> {
    const socket = connect({ host: '127.0.0.1', port: this.tlsPort, servername, ca })
    await once(socket, 'secureConnect')
    socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`)
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return Number(bytes.toString('latin1', 9, 12))
  }
}

/** Resolves once workers show another certificate of that host. */
async function inEffect({ errors }: Limpet, host: string, times = 1): Promise<void> {
  await errors.matching(
    new RegExp(`\\(acme\\): .*certificate of ${host.replaceAll('.', '\\.')} (renewed|added)`),
    times,
  )
}

const isProvisional = ({ issuer }: PeerCertificate) => issuer.CN === 'Limpet waits for a certificate'

testWithPebble('with an email and nothing else, all hosts of the routes get certificates', async (t) => {
  const place = await Place.prepare(t)
  const begun = performance.now()
  const limpet = await place.start()
  await inEffect(limpet, 'a.example')
  const root = await place.pebble.root()
  assert.equal(await place.get('a.example', root), 200)
  t.diagnostic(`the first answer by HTTPS came ${Math.round(performance.now() - begun)} ms after the start`)
  await inEffect(limpet, 'b.example')
  assert.equal(await place.get('b.example', root), 200)
})

testWithPebble(
  'until there is a certificate, clients get one that Limpet has signed; all workers answer the challenge',
  async (t) => {
    const place = await Place.prepare(t)
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
    await inEffect(limpet, 'a.example')
  },
)

testWithPebble('only acme-tls/1 gets the challenge certificate, by TLS 1.2 and 1.3 and from all workers', async (t) => {
  const place = await Place.prepare(t)
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
  await inEffect(limpet, host)
  assert.match(limpet.errors.all.join('\n'), /no listener is without tls, so http-01 cannot be answered/)
  assert.match(limpet.errors.all.join('\n'), /obtained the certificate of \S+ from \S+ by tls-alpn-01/)
})

testWithPebble('after a restart, the first handshake shows the kept certificate, and nothing is ordered', async (t) => {
  const place = await Place.prepare(t)
  const first = await place.start()
  await Promise.all([inEffect(first, 'a.example'), inEffect(first, 'b.example')])
  const { fingerprint256 } = await place.shown('a.example')
  first.process.kill('SIGTERM')
  await first.exit
  await place.start({}, true, { STATE_DIRECTORY: first.stateDirectory })
  assert.equal((await place.shown('a.example')).fingerprint256, fingerprint256)
  assert.equal(place.shim.orders.length, 2)
})

testWithPebble('a process that replaces another goes on with its order, and answers its challenge', async (t) => {
  const place = await Place.prepare(t)
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
  await Promise.all([inEffect(limpet, 'a.example'), inEffect(limpet, 'b.example')])
  assert.equal(shim.orders.length, 2)
  assert.equal(await place.get('a.example', await place.pebble.root()), 200)
})

testWithPebble('renewals under load fail no request, and all workers show each new certificate', async (t) => {
  const place = await Place.prepare(t)
  const { shim } = place
  shim.lifetime = 6000
  const limpet = await place.start()
  await Promise.all([inEffect(limpet, 'a.example'), inEffect(limpet, 'b.example')])
  const load = new AbortController()
  const statuses = new Map<number | string, number>()
  const clients = Array.from({ length: 4 }, async () => {
    while (!load.signal.aborted) {
      const status = await place.get('a.example', shim.ca).catch((error) => String(error))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  for (let renewal = 2; renewal <= 4; renewal++) {
    await inEffect(limpet, 'a.example', renewal)
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
    const place = await Place.prepare(t)
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
    await Promise.all([inEffect(limpet, 'a.example'), inEffect(limpet, 'b.example')])
    const [one, other] = await Promise.all([place.shown('yes.example'), place.shown('yes.example')])
    assert.deepEqual([one.subjectaltname, other.subjectaltname], ['DNS:yes.example', 'DNS:yes.example'])
    assert.equal((await place.shown('no.example')).subjectaltname, 'DNS:a.example')
    assert.equal((await place.shown('no.example')).subjectaltname, 'DNS:a.example')
    assert.deepEqual(asked, ['yes.example', 'no.example'])
    assert.equal(place.shim.orders.length, 3)
  },
)
