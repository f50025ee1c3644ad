import type { FileContent } from '../certificates/file-content.ts'
import { UnusableFile } from '../certificates/unusable-file.ts'
import type { PasswordFile } from '../runtime/credentials.ts'
import { parsePasswordHash, UnusableHash } from './password-hash.ts'

const COLON = 0x3a
const NEWLINE = 0x0a

/** A mistake in one line. */
interface Mistake {
  readonly line: number
  readonly message: string
  readonly hint?: string
}

/**
 * Reads a file as htpasswd writes it: a line for each user, comments that begin with #, and empty lines.
 *
 * @throws UnusableFile for the first line that cannot be used; an empty file cannot be used either, since it may be about to be written
 */
export function readPasswordFile({ path, bytes }: FileContent): PasswordFile {
  const lines = new Map<string, { readonly number: number; readonly text: string }>()
  const mistakes: Mistake[] = []
  const text = Buffer.from(bytes).toString('latin1').replace('\u00ef\u00bb\u00bf', '')
  for (const [index, written] of text.split('\n').entries()) {
    const line = written.trimEnd()
    if (line === '' || line.startsWith('#')) continue
    const number = index + 1
    const [user, hash] = partsOf(line)
    const known = lines.get(user)
    const mistake =
      known === undefined
        ? mistakeIn(user, hash)
        : { message: `expected each user once, found one of line ${known.number} again` }
    if (mistake !== undefined) mistakes.push({ line: number, ...mistake })
    else lines.set(user, { number, text: `${user}:${hash}\n` })
  }
  const [first] = mistakes
  if (first !== undefined) {
    const more = mistakes.length > 1 ? `; ${mistakes.length - 1} more line(s) cannot be used` : ''
    throw new UnusableFile(`${path}:${first.line}`, first.message + more, first.hint)
  }
  if (lines.size === 0)
    throw new UnusableFile(path, 'expected at least one user, found none', `add one with: htpasswd -B ${path} USER`)
  return { name: path, users: sortedUsers(new Map([...lines].map(([user, line]) => [user, line.text]))) }
}

/** The users of lines in which there is no mistake; of a user who comes twice, the first counts. */
export function usersIn(lines: readonly string[]): Uint8Array {
  const users = new Map<string, string>()
  for (const line of lines) {
    const [user, hash] = partsOf(Buffer.from(line).toString('latin1'))
    if (!users.has(user)) users.set(user, `${user}:${hash}\n`)
  }
  return sortedUsers(users)
}

/** What is wrong with a line, if anything; the message shows nothing of its hash. */
export function mistakeInUser(line: string): Omit<Mistake, 'line'> | undefined {
  return mistakeIn(...partsOf(Buffer.from(line).toString('latin1')))
}

/** What follows a second colon is a comment, as for other readers of such files. */
function partsOf(line: string): [user: string, hash: string | undefined] {
  const [user = '', hash] = line.split(':', 2)
  return [user, hash]
}

/** By the bytes of names: one character of these texts is a byte. */
function sortedUsers(lines: ReadonlyMap<string, string>): Uint8Array {
  const sorted = [...lines].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, line]) => line)
  return new Uint8Array(Buffer.from(sorted.join(''), 'latin1'))
}

function mistakeIn(user: string, hash: string | undefined): Omit<Mistake, 'line'> | undefined {
  if (hash === undefined) return { message: 'expected USER:HASH, found no colon', hint: 'one user a line' }
  if (user === '') return { message: 'expected the name of a user before the colon, found none' }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what no client can send (RFC 7617 §2)
  if (/[\x00-\x1f\x7f]/.test(user)) return { message: 'expected a name without control characters' }
  try {
    parsePasswordHash(hash)
    return undefined
  } catch (error) {
    if (!(error instanceof UnusableHash)) throw error
    return { message: error.message, hint: error.hint }
  }
}

/** The hash of that user's password; undefined for a user that is not in the file. It looks at a few lines only. */
export function hashOfUser({ users }: PasswordFile, user: Buffer): string | undefined {
  let from = 0
  let to = users.length
  while (from < to) {
    const start = lineAt(users, (from + to) >> 1)
    const colon = users.indexOf(COLON, start)
    const end = users.indexOf(NEWLINE, colon)
    const order = Buffer.compare(user, users.subarray(start, colon))
    if (order === 0) return text(users, colon + 1, end)
    if (order < 0) to = start
    else from = end + 1
  }
  return undefined
}

/** A hash of the file that is always the same for the same number, from 0 to 1: what an unknown user's password is compared with. */
export function someHash({ users }: PasswordFile, number: number): string {
  const start = lineAt(users, Math.floor(number * (users.length - 1)))
  return text(users, users.indexOf(COLON, start) + 1, users.indexOf(NEWLINE, start))
}

/** Where the line begins that the byte at that offset belongs to. */
function lineAt(users: Uint8Array, offset: number): number {
  return offset === 0 ? 0 : users.lastIndexOf(NEWLINE, offset - 1) + 1
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}
