/** Limpet obtains its certificates by itself, from Pebble. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectPlain } from 'node:net'
import type { TestContext } from 'node:test'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { freePort } from '../../bench/free-port.ts'
import { AcmeShim } from '../support/acme-shim.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { namedOrigin } from '../support/origin.ts'
import { Pebble, testWithPebble } from '../support/pebble.ts'

interface Ports {
  readonly httpPort: number
  readonly tlsPort: number
}

async function ports(): Promise<Ports> {
  return { httpPort: await freePort(), tlsPort: await freePort() }
}

/** The text of a configuration with a listener for each port. */
function config({ httpPort, tlsPort }: Ports, origin: string, acme: object, more: object = {}): object {
  return {
    workers: 2,
    listeners: [
      { address: '127.0.0.1', port: httpPort },
      { address: '127.0.0.1', port: tlsPort, tls: { acme: { email: 'hostmaster@example.org', ...acme } } },
    ],
    routes: [{ path: '/*', host: ['a.example', 'b.example'], upstream: 'app' }],
    upstreams: { app: { servers: [origin] } },
    ...more,
  }
}

/** A handshake for that host; resolves to the certificate that was shown. */
async function certificateFor(port: number, servername: string): Promise<PeerCertificate> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerCertificate()
  socket.destroy()
  return certificate
}

/** A whole request by TLS; resolves to the status. */
async function get(port: number, servername: string, ca: string): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port, servername, ca, ALPNProtocols: ['http/1.1'] })
  await once(socket, 'secureConnect')
  socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return Number(bytes.toString('latin1', 9, 12))
}

async function obtained({ errors }: Limpet, host: string): Promise<void> {
  await errors.find(new RegExp(`certificate of ${host.replaceAll('.', '\\.')} (renewed|added)`))
}

testWithPebble('with an email and nothing else, all hosts of the routes get certificates', async (t) => {
  const origin = await namedOrigin(t, 'a')
  const places = await ports()
  const pebble = await Pebble.start(t, places)
  const begun = performance.now()
  const limpet = await startLimpet(t, config(places, origin.address, { directory: pebble.directory, ca: pebble.ca }))
  const first = await certificateFor(places.tlsPort, 'a.example')
  await Promise.all([obtained(limpet, 'a.example'), obtained(limpet, 'b.example')])
  const root = await pebble.root()
  assert.equal(await get(places.tlsPort, 'a.example', root), 200)
  t.diagnostic(`the first answer by HTTPS came ${Math.round(performance.now() - begun)} ms after the start`)
  assert.equal(await get(places.tlsPort, 'b.example', root), 200)
  assert.match(first.issuer.CN as string, /Limpet waits for a certificate|Pebble/)
})

void readFile
void connectPlain
void AcmeShim

export type { TestContext, TLSSocket }
