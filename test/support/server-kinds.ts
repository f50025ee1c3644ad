import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type SecureServerOptions,
  type ServerOptions,
} from 'node:http2'
import { createServer as createHttpsServer, type ServerOptions as HttpsOptions } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Pem, TestAuthority } from './certificates.ts'
import { temporaryFolder } from './folder.ts'

/** What a server speaks, by the names of the configuration; `https` is HTTP/1.1 by TLS. */
export type Kind = 'http1' | 'https' | 'h2' | 'h2c'
export const kinds: readonly Kind[] = ['http1', 'https', 'h2', 'h2c']

export const authority = await TestAuthority.create()
export const pem: Pem = await authority.issue(['127.0.0.1', 'localhost'])

/** A server behind Limpet that listens until the test ends. */
export interface KindOfServer {
  readonly server: Server | Http2Server | Http2SecureServer
  readonly address: string
  /** All connections that it has accepted. */
  readonly connections: Socket[]
}

export type Handle = (request: IncomingMessage, response: ServerResponse) => void

/** A server of that kind, by Node's own implementation of its protocol. */
export async function serverOf(
  test: TestContext,
  kind: Kind,
  handle: Handle,
  options: ServerOptions & SecureServerOptions & HttpsOptions = {},
): Promise<KindOfServer> {
  return listen(test, make(kind, handle, options))
}

function make(kind: Kind, handle: Handle, options: ServerOptions & SecureServerOptions & HttpsOptions) {
  const listener = handle as never
  switch (kind) {
    case 'http1':
      return createServer({ keepAliveTimeout: 60_000 }, handle)
    case 'https':
      return createHttpsServer({ keepAliveTimeout: 60_000, ...pem, ...options }, handle)
    case 'h2':
      return createSecureServer({ ...pem, ...options }, listener)
    case 'h2c':
      return createHttp2Server(options, listener)
  }
}

export async function listen(test: TestContext, server: KindOfServer['server']): Promise<KindOfServer> {
  const connections: Socket[] = []
  server.on('connection', (socket: Socket) => {
    connections.push(socket)
    socket.on('error', () => {})
  })
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}))
  server.on('sessionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => {
    for (const socket of connections) socket.destroy()
    server.close()
  })
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}`, connections }
}

/** Writes the authority's certificate to a file that ends with the test. Resolves to its path. */
export async function authorityFile(test: TestContext, ca = authority.ca): Promise<string> {
  const file = join(await temporaryFolder(test), 'ca.pem')
  await writeFile(file, ca)
  return file
}

/** The settings of an upstream of such servers, as they stand in a configuration. */
export async function upstreamOf(test: TestContext, kind: Kind): Promise<object> {
  switch (kind) {
    case 'http1':
      return {}
    case 'h2c':
      return { protocol: 'h2c' }
    case 'https':
      return { tls: { ca: await authorityFile(test) } }
    case 'h2':
      return { protocol: 'h2', tls: { ca: await authorityFile(test) } }
  }
}
