import type { Case } from '../case.ts'
import { filters } from './filters.ts'
import { gzip } from './gzip.ts'
import { hostileCpu } from './hostile-cpu.ts'
import { hostileHttp2 } from './hostile-http2.ts'
import { grpcUnary, h2Large, h2Small } from './http2.ts'
import { idle } from './idle.ts'
import { download10MB, download64kB, upload } from './large.ts'
import { manyRoutesCase, manyServersCase, twoWorkersCase } from './scale.ts'
import { slowReader } from './slow-reader.ts'
import { connections, small } from './small.ts'
import { start } from './start.ts'
import { sticky } from './sticky.ts'
import { httpsIdle, httpsNew, httpsSmall } from './tls.ts'

/** All cases, in the order of measurement and of the report. */
export const cases = [
  small,
  connections,
  download64kB,
  download10MB,
  upload,
  idle,
  slowReader,
  manyServersCase,
  manyRoutesCase,
  twoWorkersCase,
  sticky,
  filters,
  gzip,
  start,
  hostileCpu,
  httpsSmall,
  httpsNew,
  httpsIdle,
  h2Small,
  h2Large,
  grpcUnary,
  hostileHttp2,
] satisfies Case[]
