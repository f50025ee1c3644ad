import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect as connectPlain } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { connect, type SecureVersion } from 'node:tls'
import { freePort } from '../../bench/free-port.ts'
import { AcmeShim } from './acme-shim.ts'
import { type Limpet, startLimpet } from './limpet.ts'
import { namedOrigin } from './origin.ts'
import { Pebble } from './pebble.ts'

/** Two workers, with a listener on each of these ports; the routes are for a.example and b.example. */
export class AcmePlace {
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

  static async prepare(test: TestContext): Promise<AcmePlace> {
    const ports: [number, number] = [await freePort(), await freePort()]
    const pebble = await Pebble.start(test, { httpPort: ports[0], tlsPort: ports[1] })
    const shim = await AcmeShim.start(test, pebble)
    const { address } = await namedOrigin(test, 'app')
    const place = new AcmePlace(test, ports, pebble, shim, address)
    await writeFile(place.ca, shim.ca)
    return place
  }

  /** @param isPlain whether there is a listener without TLS */
  config(acme: object = {}, isPlain = true, plain: object = {}): object {
    const { directory } = this.shim
    const tls = { acme: { email: 'hostmaster@example.org', directory, ca: this.ca, ...acme } }
    return {
      workers: 2,
      listeners: [
        ...(isPlain ? [{ address: '127.0.0.1', port: this.httpPort, ...plain }] : []),
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

  /** Resolves once workers show that certificate of the host: the first one, or the one after so many renewals. */
  async inEffect({ errors }: Limpet, host: string, times = 1): Promise<void> {
    const pattern = new RegExp(`\\(acme\\): .*certificate of ${host.replaceAll('.', '\\.')} (?:obtained|renewed|added)`)
    await errors.matching(pattern, times)
  }
}
