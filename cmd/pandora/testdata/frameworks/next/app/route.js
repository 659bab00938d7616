import { connection } from 'next/server';

export async function GET() {
  await connection(); // answered anew each time, not by the build
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
  return new Response(`${process.pid} next ${process.env.NODE_ENV}\n`);
}
