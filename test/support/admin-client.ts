import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import createClient, { type Client } from 'openapi-fetch'
import type { paths } from './admin-api.d.ts'
import { adminUrlOf, type Limpet } from './limpet.ts'

/** A client of the admin API, made from its own description. */
export type AdminClient = Client<paths>

/** A client with the token of the machine. */
export async function adminClient(limpet: Pick<Limpet, 'errors' | 'stateDirectory'>): Promise<AdminClient> {
  const baseUrl = await adminUrlOf(limpet)
  const token = (await readFile(join(limpet.stateDirectory, 'admin-token'), 'utf8')).trim()
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } })
}
