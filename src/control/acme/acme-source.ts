import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import { type ChallengeAnswers, NO_CHALLENGES } from '../../runtime/challenge-answers.ts'
import type { Certificate } from '../../runtime/tls-settings.ts'
import type { DesiredState } from '../desired/desired-state.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import type { CertificateNote, CertificateSource } from '../tls/certificate-source.ts'
import type { TlsMaterial } from '../tls/tls-material.ts'
import type { Acme } from './acme.ts'
import { acmeOf, hostsOf, settingsOf } from './acme-settings.ts'

/** What the source needs of the rest of the control plane. */
export interface AcmeSourceOwner {
  readonly state: StateDirectory
  readonly log: Log
  /** What the files hold that the configuration names. */
  material(config: Config): TlsMaterial
  /** Has all workers give these answers, and resolves once they do. */
  publish(answers: ChallengeAnswers): Promise<void>
  /** A certificate was obtained, or could not be. */
  report(host: string, isBetter: boolean, message: string): void
}

/**
 * The certificates that are obtained by ACME, if the configuration asks for that. What obtains them is loaded only then.
 */
export class AcmeSource implements CertificateSource {
  readonly name = 'acme'
  readonly #owner: AcmeSourceOwner
  #answers: ChallengeAnswers
  #acme: Acme | undefined
  #changed: () => Promise<void> = async () => {}
  /** Resolves once what has changed last is in effect. */
  #inEffect: Promise<void> = Promise.resolve()
  #hasBegun = false
  #isClosed = false
  /** One configuration is taken in after the other. */
  #last: Promise<void> = Promise.resolve()

  /** @param answers what workers answer to challenges of the process that this one replaces */
  constructor(owner: AcmeSourceOwner, answers = NO_CHALLENGES) {
    this.#owner = owner
    this.#answers = answers
  }

  get certificates(): readonly Certificate[] {
    return this.#acme?.certificates ?? []
  }

  onChange(changed: () => Promise<void>): void {
    this.#changed = changed
  }

  note(name: string): CertificateNote | undefined {
    return this.#acme?.note(name)
  }

  /** What workers answer to challenges at present. */
  get answers(): ChallengeAnswers {
    return this.#acme?.answers ?? this.#answers
  }

  /** Finds what is kept for a configuration, before it takes effect. Nothing is ordered yet. */
  prepare(config: Config): Promise<void> {
    this.#last = this.#last.then(() => this.#take(config))
    return this.#last
  }

  /** Workers listen: from now on certificates are ordered. */
  begin(): void {
    this.#hasBegun = true
    this.#acme?.begin()
  }

  adopted({ config }: DesiredState, before: Config): void {
    if (config.routes === before.routes && config.listeners === before.listeners) return
    const names = this.#names
    void this.prepare(config).then(() => {
      if (this.#names !== names) this.#announce()
    })
  }

  get #names(): string {
    return this.certificates.map(({ name }) => name).join()
  }

  #announce(): void {
    this.#inEffect = this.#changed()
  }

  /**
   * A client asks for a host by TLS for which there is no certificate. Resolves once one is in effect, or there will be none for
   * now.
   */
  async demand(host: string): Promise<void> {
    await this.#acme?.demand(host)
    await this.#inEffect
  }

  /** Another process goes on with what has begun. */
  close(): void {
    this.#isClosed = true
    this.#acme?.close()
  }

  async #take(config: Config): Promise<void> {
    const wanted = acmeOf(config)
    if (this.#isClosed) return
    if (wanted === undefined) {
      this.#acme?.close()
      this.#acme = undefined
      return
    }
    const { state, log, material, publish, report } = this.#owner
    try {
      const { authorities, origins } = material(config)
      const settings = settingsOf(wanted, config.listeners, authorities)
      const covered = origins.filter(({ source }) => source === 'file').flatMap(({ certificate }) => certificate.hosts)
      if (this.#acme === undefined) {
        const { Acme } = await import('./acme.ts')
        this.#acme = await Acme.create({
          state,
          log,
          publish,
          report,
          changed: () => this.#announce(),
          answers: this.#answers,
        })
      }
      this.#acme.apply(settings, hostsOf(config, wanted, covered))
      if (this.#hasBegun) this.#acme.begin()
    } catch (error) {
      const { message: cause } = error as Error
      log.error(`acme: certificates are not obtained: ${cause}`, { event: 'acme-failed', cause })
    }
  }
}
