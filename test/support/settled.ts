import assert from 'node:assert/strict'
import type { ServingLimpet } from './limpet.ts'
import { User } from './user.ts'

/** The server of a user's next request, by the first word of its answer. */
export async function serverOf(user: User, { port }: ServingLimpet): Promise<string> {
  const { status, body } = await user.get(port)
  assert.equal(status, 200)
  return body.split(' ', 1)[0]!
}

/** That many new users after one request each, and their servers. */
export async function settledUsers(limpet: ServingLimpet, count: number): Promise<Map<User, string>> {
  const users = new Map<User, string>()
  for (let i = 0; i < count; i++) {
    const user = new User()
    users.set(user, await serverOf(user, limpet))
  }
  return users
}

/** Each user's next request goes to that server. */
export async function assertAllKept(users: ReadonlyMap<User, string>, limpet: ServingLimpet): Promise<void> {
  for (const [user, server] of users) assert.equal(await serverOf(user, limpet), server)
}
