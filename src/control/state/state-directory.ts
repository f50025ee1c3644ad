import { randomBytes } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { shortestSecret } from '../../config/affinity.ts'
import type { Warn } from '../../observability/log.ts'

/**
 * The directory for what must outlive the process. If something cannot be read or written, the program warns and runs
 * without it.
 */
export class StateDirectory {
  readonly path: string
  /** Warns the operator about what could not be saved or read. */
  readonly warn: Warn
  /** Files whose last write failed, with the warning that was given. */
  readonly #lost = new Map<string, string>()
  #secret: string | undefined
  /** Why the directory could not be read, as last warned of. */
  #unreadable = ''

  /** @param configured the path in the configuration; undefined for the standard one */
  constructor(configured: string | undefined, env: NodeJS.ProcessEnv, warn: Warn) {
    this.path = configured ?? standardPlace(env)
    this.warn = warn
  }

  /** The secret of this machine, which its first run generates; the same for all of a run. */
  secret(): string {
    this.#secret ??= this.#readSecret()
    return this.#secret
  }

  #readSecret(): string {
    const kept = this.read('secret')?.toString().trim()
    if (kept !== undefined && kept.length >= shortestSecret) return kept
    if (kept !== undefined) {
      const file = join(this.path, 'secret')
      const what = `${file} holds fewer than ${shortestSecret} characters`
      this.warn(`${what}, and is replaced: earlier cookies are invalid, and other replicas need the new one`, {
        event: 'secret-replaced',
        file,
      })
    }
    const secret = randomBytes(32).toString('base64url')
    // An existing file that cannot be read is not replaced: that would invalidate all cookies for good.
    if (kept !== undefined || !existsSync(join(this.path, 'secret'))) this.write('secret', Buffer.from(`${secret}\n`))
    return secret
  }

  /** The names of all files. */
  names(): string[] {
    try {
      const names = readdirSync(this.path)
      this.#unreadable = ''
      return names
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const isMissing = code === 'ENOENT' || code === 'ENOTDIR'
      if (!isMissing && this.#unreadable !== message) this.warnOfUnreadable(this.path, message)
      this.#unreadable = message
      return []
    }
  }

  /** How long ago the file of that name was last written, in ms; undefined if there is none. */
  age(name: string): number | undefined {
    const stat = statSync(this.pathOf(name), { throwIfNoEntry: false })
    return stat && Date.now() - stat.mtimeMs
  }

  pathOf(name: string): string {
    return join(this.path, name)
  }

  /** Removes the file of that name, if there is one. */
  remove(name: string): void {
    try {
      rmSync(this.pathOf(name), { force: true })
    } catch (error) {
      this.#warnOfLeftover('remove', this.pathOf(name), error as Error)
    }
  }

  /** Whether there is a readable file of that name. */
  holds(name: string): boolean {
    try {
      accessSync(join(this.path, name), constants.R_OK)
      return true
    } catch {
      return false
    }
  }

  /** Whether there is a file of that name that no other user may read or write. */
  isPrivate(name: string): boolean {
    const stat = statSync(this.pathOf(name), { throwIfNoEntry: false })
    return stat !== undefined && (stat.mode & 0o077) === 0
  }

  /** The content of the file of that name; undefined if there is none. */
  read(name: string): Buffer | undefined {
    try {
      return readFileSync(join(this.path, name))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') this.warnOfUnreadable(join(this.path, name), message)
      return undefined
    }
  }

  /** Replaces the file of that name, entirely or not at all. Only the program's own user may read it. */
  write(name: string, content: Uint8Array): void {
    const file = join(this.path, name)
    try {
      makeDirectory(this.path)
      writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true })
      renameSync(`${file}.new`, file)
    } catch (error) {
      this.warnOfLoss(name, error as Error)
    }
  }

  /**
   * As `write`, piece by piece: each is requested once the one before it is written. Returns whether that succeeded.
   * The operator is warned once for repeated failures.
   */
  async writePieces(name: string, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
    const file = join(this.path, name)
    try {
      makeDirectory(this.path)
      await writeFile(`${file}.new`, pieces, { mode: 0o600, flush: true })
      await rename(`${file}.new`, file)
      this.#lost.delete(file)
      return true
    } catch (error) {
      this.warnOfLoss(name, error as Error)
      return false
    }
  }

  /**
   * As `write`; resolves once the file would survive a power cut.
   *
   * @throws the system's error, if it cannot be written; then the file is as it was
   */
  async writeDurably(name: string, content: Uint8Array): Promise<void> {
    const file = join(this.path, name)
    makeDirectory(this.path)
    await writeFile(`${file}.new`, content, { mode: 0o600, flush: true })
    await rename(`${file}.new`, file)
    const directory = await open(this.path)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  /** Renames a file that cannot be understood, so that it is neither used nor lost. */
  putAside(name: string): void {
    const aside = `${name}.unreadable`
    const file = this.pathOf(name)
    this.warn(`${file} cannot be understood, and is ignored; it is now ${aside}`, {
      event: 'state-not-understood',
      file,
    })
    try {
      renameSync(file, this.pathOf(aside))
    } catch (error) {
      this.#warnOfLeftover('rename', file, error as Error)
    }
  }

  /** Warns the operator that a file is not used. */
  warnOfUnreadable(file: string, cause: string): void {
    this.warn(`cannot read ${file}: ${cause}`, { event: 'state-unreadable', file, cause })
  }

  #warnOfLeftover(verb: 'remove' | 'rename', file: string, { message: cause }: Error): void {
    this.warn(`cannot ${verb} ${file}: ${cause}`, { event: 'state-not-removed', file, cause })
  }

  /** Warns the operator that a file could not be written: once, until a write succeeds. */
  warnOfLoss(name: string, { message: cause }: Error): void {
    const file = this.pathOf(name)
    if (this.#lost.get(file) === cause) return
    this.#lost.set(file, cause)
    const fix = 'give a directory that can be written as stateDirectory'
    this.warn(`cannot write ${file}: ${cause}; what it was for is lost at a restart (${fix})`, {
      event: 'state-not-written',
      file,
      cause,
    })
  }
}

/**
 * Makes a directory and its parents. Node's `recursive` never returns if the system reports a directory as not found
 * although its parent exists, as in /proc.
 */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process was faster, or it is a dangling link, which the next write will report.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** The directory that systemd gives (systemd.exec, StateDirectory=), or the usual one for this user. */
function standardPlace(env: NodeJS.ProcessEnv): string {
  if (env.STATE_DIRECTORY) return env.STATE_DIRECTORY.split(':')[0]!
  if (process.getuid?.() === 0) return '/var/lib/limpet'
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'limpet')
}
