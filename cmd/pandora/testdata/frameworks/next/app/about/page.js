export default function About() {
  return <main>This is the first text.</main>;
}
