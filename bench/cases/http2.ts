import type { Case } from '../case.ts'
import { h2load } from '../h2load.ts'
import { answers, GRPC_MESSAGE, GRPC_PATH, type OriginPlaces, UPLOAD_PATH } from '../origin.ts'
import type { Site } from '../peer.ts'
import { IN_TURN, secure, secureLab } from './lab.ts'

const { site, peers } = secureLab

export const h2Small: Case = {
  name: 'h2-small',
  title: 'HTTP/2: small answers',
  peers,
  metrics: ['cpu', 'requests', 'memory', 'busy'],
  variants: [
    { name: '8 connections × 8 streams', site, load: h2load({ path: IN_TURN, connections: 8, streams: 8 }) },
    { name: '64 connections × 1 stream', site, load: h2load({ path: IN_TURN, connections: 64, streams: 1 }) },
  ],
}

const TEN_MB = answers['/10MB']

export const h2Large: Case = {
  name: 'h2-large',
  title: 'HTTP/2: 10 MB, 4 connections × 2 streams',
  peers,
  metrics: ['throughput', 'cpu', 'memory', 'busy'],
  variants: [
    { name: 'down', site, load: h2load({ path: '/10MB', connections: 4, streams: 2, answerLength: TEN_MB }) },
    { name: 'up', site, load: h2load({ path: UPLOAD_PATH, connections: 4, streams: 2, body: Buffer.alloc(TEN_MB) }) },
  ],
}

export const grpcUnary: Case = {
  name: 'grpc-unary',
  title: 'gRPC: unary calls, 8 connections × 8 streams',
  peers,
  metrics: ['cpu', 'requests', 'memory', 'busy'],
  variants: [
    {
      name: '',
      site: secure(grpcSite),
      load: h2load({
        path: GRPC_PATH,
        connections: 8,
        streams: 8,
        headers: { 'content-type': 'application/grpc', te: 'trailers' },
        body: GRPC_MESSAGE,
        answerLength: GRPC_MESSAGE.length,
      }),
    },
  ],
}

function grpcSite({ grpcPort }: OriginPlaces): Site {
  return {
    workers: 1,
    routes: [{ path: '/*', upstream: 'grpc' }],
    upstreams: [{ name: 'grpc', balance: 'round-robin', protocol: 'h2c', servers: [`127.0.0.1:${grpcPort}`] }],
  }
}
