import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import createClient from 'openapi-fetch'
import type { paths } from './admin-api.d.ts'
import { adminUrlOf, type Limpet } from './limpet.ts'

/** A client of the admin API, made from its own description. It has the token of the machine. */
export async function adminClient(limpet: Limpet) {
  const token = (await readFile(join(limpet.stateDirectory, 'admin-token'), 'utf8')).trim()
  return createClient<paths>({ baseUrl: await adminUrlOf(limpet), headers: { Authorization: `Bearer ${token}` } })
}
