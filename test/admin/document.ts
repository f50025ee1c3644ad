import { createHash } from 'node:crypto'
import { Access } from '../../src/admin/access.ts'
import { adminApi, documentOf } from '../../src/admin/api.ts'
import { SignIns } from '../../src/admin/dashboard/sign-ins.ts'
import { EventRing } from '../../src/control/event-ring.ts'
import { RememberedOperations } from './remembered.ts'
import { NO_BANS, NO_METRICS, onLoopback } from './served.ts'

/** The OpenAPI document that the admin API serves, whatever the version of the program. */
export function openApiDocument() {
  const subject = {} as Parameters<typeof adminApi>[0]['subject']
  const traffic = {} as Parameters<typeof adminApi>[0]['traffic']
  const operations = new RememberedOperations([])
  const tail = {} as Parameters<typeof adminApi>[0]['tail']
  const administered = {
    subject,
    operations,
    planning: operations,
    bans: NO_BANS,
    events: new EventRing(),
    traffic,
    tail,
    metrics: NO_METRICS,
  }
  const signal = new AbortController().signal
  const api = adminApi(administered, new Access(onLoopback), new SignIns('80'), () => {}, signal)
  return documentOf(api, '0.0.0')
}

/** By which the client's types say from which description they were made. */
export function digestOf(document: unknown): string {
  return createHash('sha256').update(JSON.stringify(document)).digest('hex')
}
