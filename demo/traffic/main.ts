import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { Browser } from './browser.ts'
import { Dice } from './dice.ts'
import type { Site } from './site.ts'
import { User } from './user.ts'

/**
 * The synthetic load of `limpet demo --traffic`: about forty requests a second from sixty users, until the process that
 * started this one ends. `SITE` is the site's URL, `CA` the file of its authority.
 */

const USERS = 60
/** So many of them share the address of one router. */
const BEHIND_NAT = 15
const SEED = 7

process.on('disconnect', () => process.exit())

const ca = process.env.CA
const site: Site = { url: new URL(process.env.SITE!), ca: ca ? readFileSync(ca) : undefined }
const hasAddresses = await canListen(addressOf(0))

for (let index = 0; index < USERS; index++) {
  const browser = new Browser(site, hasAddresses ? addressOf(index) : undefined)
  void new User(browser, new Dice(SEED + index)).live()
}

/** An address in a network of its own for each user, except for those behind the router. */
function addressOf(index: number): string {
  return `127.0.${Math.max(index, BEHIND_NAT)}.1`
}

/** Whether all of 127.0.0.0/8 is this machine, as on Linux, or only 127.0.0.1, as on macOS. */
async function canListen(address: string): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(0, address), 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
