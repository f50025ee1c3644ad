import { createHmac, randomBytes } from 'node:crypto'
import { hashOfUser, someHash } from '../../credentials/password-file.ts'
import { Failure } from '../../exchange/failure.ts'
import type { Filter, Rehearsed, Verdict } from '../../exchange/filter.ts'
import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import type { WorkerContext } from '../../exchange/worker-context.ts'
import { now } from '../../runtime/clock.ts'
import type { PasswordFile } from '../../runtime/credentials.ts'
import type { BasicAuthSettings } from '../../runtime/filter-settings.ts'
import type { IpAddress } from '../../runtime/ip-address.ts'
import { BriefCache } from '../brief-cache.ts'
import { quoted, unauthorized } from '../challenge.ts'
import { type BasicCredentials, basicCredentials } from './basic-credentials.ts'
import { NotVerified, PasswordChecker } from './password-checker.ts'

/** For how long a password is not verified again, in ms: a right one, and a wrong one. */
const KEPT_FOR = 60_000
const WRONG_KEPT_FOR = 10_000
/** How many of each are remembered. Wrong ones, of which there is no end, push no right one out. */
const MOST_KEPT = 10_000
const MOST_WRONG = 1000

/** When a client may ask again whose password could not be verified, in s. */
const RETRY_AFTER = 2

/** All such filters of a worker share one thread. */
const checker = new PasswordChecker()

/** Lets users with a password through. */
export class BasicAuth implements Filter {
  readonly name = 'basicAuth'
  readonly #settings: BasicAuthSettings
  readonly #context: WorkerContext
  readonly #challenge: string
  /** Without it, nobody can tell from what is remembered which passwords there were. */
  readonly #secret = randomBytes(32)
  readonly #right = new BriefCache<true>(MOST_KEPT, now)
  readonly #wrong = new BriefCache<true>(MOST_WRONG, now)
  /** What is being verified: a browser sends several requests at once. */
  readonly #underway = new Map<string, Promise<boolean>>()

  constructor(settings: BasicAuthSettings, context: WorkerContext) {
    this.#settings = settings
    this.#context = context
    this.#challenge = `Basic realm=${quoted(settings.realm)}, charset="UTF-8"`
  }

  request(request: FilteredRequest): Verdict | Promise<Verdict> {
    const field = request.header('authorization')
    if (field === undefined) return this.#refuse(request, 'there is no password')
    const credentials = basicCredentials(field)
    if (credentials === undefined) return this.#refuse(request, 'Authorization has no user and password')
    const file = this.#file
    if (file === undefined) return new Failure('auth-unavailable', `${this.#settings.users} has not been read`)
    const known = hashOfUser(file, credentials.user)
    // An unknown user's password takes as long as a known one's.
    const hash = known ?? someHash(file, this.#numberOf(credentials.user))
    const id = this.#idOf(credentials, hash)
    if (known !== undefined && this.#right.get(id)) return this.#accept(request, field, credentials)
    if (this.#wrong.get(id)) return this.#refuse(request, 'the user or the password is wrong')
    return this.#verify(request, field, credentials, hash, id, known !== undefined)
  }

  /** Verifies no password: explanations are no place to try them. */
  rehearse(request: FilteredRequest): Rehearsed | Promise<Rehearsed> {
    const field = request.header('authorization')
    const credentials = field === undefined ? undefined : basicCredentials(field)
    if (credentials === undefined) return this.request(request)
    request.note(this.name, 'the password decides, and is not verified now')
    this.#admit(request, field!, credentials)
    return 'open'
  }

  async #verify(
    request: FilteredRequest,
    field: string,
    credentials: BasicCredentials,
    hash: string,
    id: string,
    isKnown: boolean,
  ): Promise<Verdict> {
    try {
      let answer = this.#underway.get(id)
      if (answer === undefined) {
        answer = checker.verify(credentials.password, hash, networkOf(request.clientAddress))
        this.#underway.set(id, answer)
      }
      const isRight = (await answer) && isKnown
      if (isRight) this.#right.set(id, true, KEPT_FOR)
      else this.#wrong.set(id, true, WRONG_KEPT_FOR)
      return isRight
        ? this.#accept(request, field, credentials)
        : this.#refuse(request, 'the user or the password is wrong')
    } catch (error) {
      if (!(error instanceof NotVerified)) throw error
      request.note(this.name, error.message)
      return new Failure('auth-unavailable', error.message, { retryAfter: RETRY_AFTER })
    } finally {
      this.#underway.delete(id)
    }
  }

  #accept(request: FilteredRequest, field: string, credentials: BasicCredentials): undefined {
    request.note(this.name, 'the password is right')
    this.#admit(request, field, credentials)
  }

  #admit(request: FilteredRequest, field: string, { user }: BasicCredentials): void {
    const { forward, userHeader } = this.#settings
    const { edits } = request
    // Of several fields, only the one that was verified goes on.
    if (forward) edits.set('Authorization', field)
    else edits.remove('authorization')
    request.user = user.toString('latin1')
    if (userHeader !== undefined) edits.set(userHeader, request.user)
  }

  #refuse(request: FilteredRequest, why: string): Failure {
    request.note(this.name, why)
    return unauthorized(this.#challenge, why)
  }

  /** The newest one. */
  get #file(): PasswordFile | undefined {
    const { users } = this.#settings
    if (typeof users !== 'string') return users
    return this.#context.generation.snapshot.passwordFiles?.find(({ name }) => name === users)
  }

  /** With another hash in the file it is another one. */
  #idOf({ user, password }: BasicCredentials, hash: string): string {
    const digest = createHmac('sha256', this.#secret).update(hash).update('\0').update(user).update('\0')
    return digest.update(password).digest('base64')
  }

  /** A number from 0 to 1, always the same for the same name. */
  #numberOf(user: Buffer): number {
    return createHmac('sha256', this.#secret).update(user).digest().readUInt32BE() / 2 ** 32
  }
}

/** What one client has at its disposal: an address of IPv4, or a network (/64) of IPv6. */
function networkOf({ text, octets }: IpAddress): string {
  return octets.length === 4 ? text : octets.subarray(0, 8).join(':')
}
