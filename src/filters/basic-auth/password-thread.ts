/** A thread that verifies passwords, so that the worker that needs them verified goes on serving meanwhile. */
import { parentPort } from 'node:worker_threads'
import { parsePasswordHash } from '../../credentials/password-hash.ts'
import { verifyPassword } from '../../credentials/verify-password.ts'

/** What a worker asks; it waits for the answer before it asks again. */
export interface PasswordQuestion {
  readonly password: Uint8Array
  readonly hash: string
}

const port = parentPort!
port.on('message', ({ password, hash }: PasswordQuestion) =>
  port.postMessage(verifyPassword(Buffer.from(password), parsePasswordHash(hash))),
)
