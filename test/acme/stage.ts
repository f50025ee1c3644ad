import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createSecureContext, createServer as createTlsServer } from 'node:tls'
import { pino } from 'pino'
import { Acme, type AcmeSettings } from '../../src/control/acme/acme.ts'
import type { WallClock } from '../../src/control/acme/wall-clock.ts'
import { StateDirectory } from '../../src/control/state/state-directory.ts'
import type { CertificateNote } from '../../src/control/tls/certificate-source.ts'
import { type ChallengeAnswers, NO_CHALLENGES } from '../../src/runtime/challenge-answers.ts'
import type { AcmeShim } from '../support/acme-shim.ts'
import { temporaryFolder } from '../support/folder.ts'
import { Pebble } from '../support/pebble.ts'

interface Options {
  readonly clock?: WallClock
  /** Of another Acme with the same state directory. */
  readonly folder?: string
  /** Gives the answers to challenges. */
  readonly front?: ChallengeFront
}

/** ACME, with Pebble and servers that give the answers which workers would give. */
export class Stage {
  readonly pebble: Pebble
  readonly acme: Acme
  readonly folder: string
  readonly front: ChallengeFront
  /** Lines of the log. */
  readonly log: string[] = []
  /** Hosts for which a certificate was obtained, one after the other. */
  readonly obtained: string[] = []
  /** How many orders have ended, well or not. */
  reports = 0
  readonly #test: TestContext
  readonly #changes = new EventEmitter().setMaxListeners(0)

  private constructor(test: TestContext, pebble: Pebble, acme: Acme, folder: string, front: ChallengeFront) {
    this.#test = test
    this.pebble = pebble
    this.acme = acme
    this.folder = folder
    this.front = front
  }

  /** @param options.pebble other settings of Pebble */
  static async set(
    test: TestContext,
    { pebble: others, ...options }: Options & { pebble?: Partial<Parameters<typeof Pebble.start>[1]> } = {},
  ): Promise<Stage> {
    const front = await ChallengeFront.start(test)
    const { httpPort, tlsPort } = front
    return Stage.with(test, await Pebble.start(test, { httpPort, tlsPort, ...others }), { front, ...options })
  }

  /** With a Pebble that runs already. */
  static async with(test: TestContext, pebble: Pebble, { clock, folder, front }: Options = {}): Promise<Stage> {
    const directory = folder ?? (await temporaryFolder(test))
    const answering = front ?? (await ChallengeFront.start(test))
    const write = (line: string) => {
      stage.log.push(JSON.parse(line).msg)
      stage.#notice()
    }
    const log = pino({ base: null }, { write })
    const acme = await Acme.create({
      state: new StateDirectory(directory, {}, (message) => log.warn(message)),
      log,
      publish(answers) {
        answering.answers = answers
        stage.#notice()
        return answering.published
      },
      changed: () => stage.#notice(),
      report(host, isBetter) {
        stage.reports++
        if (isBetter) stage.obtained.push(host)
        stage.#notice()
      },
      ...(clock !== undefined && { clock }),
    })
    const stage: Stage = new Stage(test, pebble, acme, directory, answering)
    acme.begin()
    test.after(() => acme.close())
    return stage
  }

  /** What is known of the first host's certificate. */
  get note(): CertificateNote {
    return this.acme.note(this.acme.certificates[0]!.name)!
  }

  #notice(): void {
    this.#changes.emit('change')
  }

  /** Resolves once it is so, which is looked at whenever something is logged or has changed. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this.#changes, 'change')
    // What is planned next is planned.
    await turn()
  }

  /** From now on, workers never have the answers. */
  hold(): void {
    this.front.published = new Promise(() => {})
  }

  /** A program that is asked for which hosts there may be certificates; returns its URL. */
  async program(isAllowed: (host: string) => boolean): Promise<string> {
    const server = createHttpServer((request, response) => {
      const host = new URL(request.url!, 'http://program').searchParams.get('domain')!
      response.writeHead(isAllowed(host) ? 200 : 403).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#test.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/may-have`
  }

  settings(more: Partial<AcmeSettings> = {}): AcmeSettings {
    const { directory, caPem } = this.pebble
    return {
      authorities: [{ name: 'Pebble', directory, ca: caPem, email: 'hostmaster@example.org' }],
      keyType: 'ecdsa',
      challenges: ['http-01'],
      ...more,
    }
  }

  /** The same through a shim. */
  settingsFor({ directory, ca }: AcmeShim): AcmeSettings {
    const [pebble] = this.settings().authorities
    return this.settings({ authorities: [{ ...pebble!, directory, ca }] })
  }
}

/** Gives the answers to challenges, as workers do. */
class ChallengeFront {
  answers: ChallengeAnswers = NO_CHALLENGES
  published: Promise<void> = Promise.resolve()
  httpPort = 0
  tlsPort = 0

  static async start(test: TestContext): Promise<ChallengeFront> {
    const front = new ChallengeFront()
    const http = createHttpServer((request, response) => {
      const body = front.answers.http.get(request.url!.replace('/.well-known/acme-challenge/', ''))
      response.writeHead(body === undefined ? 404 : 200).end(body)
    })
    const tls = createTlsServer({
      ALPNProtocols: ['acme-tls/1'],
      SNICallback: (name, done) => {
        const found = front.answers.tls.get(name)
        if (found === undefined) done(new Error('no such name'))
        else done(null, createSecureContext({ cert: found.chain, key: found.key }))
      },
    })
    tls.on('tlsClientError', () => {})
    for (const server of [http, tls]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      test.after(() => server.close())
    }
    front.httpPort = (http.address() as AddressInfo).port
    front.tlsPort = (tls.address() as AddressInfo).port
    return front
  }
}
