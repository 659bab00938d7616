export const metadata = { title: 'Shop' };

// The fonts of the template are left away: its build fetches them from the internet.
export default function RootLayout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
