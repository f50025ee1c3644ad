import { setTimeout as pause } from 'node:timers/promises'
import { User } from '../support/user.ts'
import type { Shop } from './shop.ts'

/** Between two of them, in ms. */
const EACH = 100

/**
 * Lets new users come until something is done: a server that was suspended is only known to be well once somebody is sent
 * to it, and those who have a session elsewhere stay there.
 */
export async function newUsersUntil({ limpet }: Shop, done: Promise<unknown>): Promise<void> {
  let isDone = false
  const end = done.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await new User().get(limpet.port)
    await Promise.race([end, pause(EACH)])
  }
  await end
}
